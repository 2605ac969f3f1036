//! Sets of numbers that a statement looks rows up in.

use roaring::RoaringTreemap;
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, Error, Result};
use serde::Serializer as _;

/// The SQL function `among(number, set)`: whether a number is in a set, as [`NumberSet::to_bytes`] gives it.
const NAME: &str = "among";

/// A set of numbers, in compressed form.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct NumberSet(RoaringTreemap);

impl NumberSet {
    /// How many there are.
    pub(crate) fn len(&self) -> i64 {
        i64::try_from(self.0.len()).unwrap_or(i64::MAX)
    }

    /// Adds a number, if it is not there.
    pub(crate) fn insert(&mut self, number: i64) {
        self.0.insert(number.cast_unsigned());
    }

    /// Whether a number is one of them.
    pub(crate) fn contains(&self, number: i64) -> bool {
        self.0.contains(number.cast_unsigned())
    }

    /// As a JSON array.
    pub(crate) fn to_json(&self) -> crate::Result<String> {
        let mut json = Vec::new();
        serde_json::Serializer::new(&mut json)
            .collect_seq(self.0.iter().map(u64::cast_signed))
            .map_err(crate::Error::internal)?;
        String::from_utf8(json).map_err(crate::Error::internal)
    }

    /// For the SQL function.
    pub(crate) fn to_bytes(&self) -> crate::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(self.0.serialized_size());
        self.0
            .serialize_into(&mut bytes)
            .map_err(crate::Error::internal)?;
        Ok(bytes)
    }

    /// What it takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.0.serialized_size()
    }
}

/// Makes the function known to a connection.
pub(super) fn add_function(connection: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function(NAME, 2, flags, |call| {
        // SQLite keeps it as long as the statement runs with the same set.
        let set = call.get_or_create_aux(1, |value| {
            RoaringTreemap::deserialize_from(value.as_blob()?)
                .map(NumberSet)
                .map_err(|error| Error::UserFunctionError(error.into()))
        })?;
        Ok(set.contains(call.get(0)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    impl FromIterator<i64> for NumberSet {
        fn from_iter<I: IntoIterator<Item = i64>>(numbers: I) -> Self {
            let mut set = Self::default();
            numbers.into_iter().for_each(|number| set.insert(number));
            set
        }
    }

    #[test]
    fn the_function_says_what_is_in_the_set() {
        let connection = Connection::open_in_memory().unwrap();
        add_function(&connection).unwrap();
        let numbers = [0, 1, 7, 65_536, i64::from(u32::MAX) + 5, i64::MAX, -1];
        let set: NumberSet = numbers.into_iter().collect();
        assert_eq!(set.len(), 7);
        let json = set.to_json().unwrap();
        let listed: Vec<i64> = serde_json::from_str(&json).unwrap();
        assert!(
            listed.len() == 7 && numbers.iter().all(|it| listed.contains(it)),
            "{json}"
        );
        let mut statement = connection
            .prepare("SELECT CAST(value AS INTEGER), among(CAST(value AS INTEGER), ?1) FROM json_each(?2)")
            .unwrap();
        let mut ask = |set: &NumberSet, asked: &[i64]| -> Vec<(i64, bool)> {
            let asked = serde_json::to_string(asked).unwrap();
            let rows = statement.query_map((set.to_bytes().unwrap(), asked), |row| {
                Ok((row.get(0)?, row.get(1)?))
            });
            rows.unwrap().map(Result::unwrap).collect()
        };
        for number in numbers {
            assert_eq!(
                ask(&set, &[number, number ^ 2]),
                [(number, true), (number ^ 2, false)]
            );
        }
        // Another set for the same statement.
        assert_eq!(
            ask(&[2].into_iter().collect(), &[7, 2]),
            [(7, false), (2, true)]
        );
        assert_eq!(ask(&NumberSet::default(), &[0]), [(0, false)]);
    }

    #[test]
    fn what_is_no_set_is_an_error() {
        let connection = Connection::open_in_memory().unwrap();
        add_function(&connection).unwrap();
        for wrong in ["x'00'", "'text'", "NULL", "7", "x'ffffffffffffffffffff'"] {
            let sql = format!("SELECT among(1, {wrong})");
            let answer: Result<bool> = connection.query_row(&sql, [], |row| row.get(0));
            assert!(answer.is_err(), "{wrong}");
        }
    }
}
