//! Where settings come from: command line over environment over file over default.

use super::{ConfigError, KEYS, Key};
use figment::value::{Dict, Map, Value};
use figment::{Error, Figment, Metadata, Profile, Provider, providers::Format, providers::Toml};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The prefix of every environment variable that is ours. Any other variable that begins with it is
/// taken for a mistake.
const PREFIX: &str = "THICKET_";

/// Variables of the test suite, which a server that a test starts inherits.
const TESTS: &str = "THICKET_TEST_";

/// The configuration file that is read, if it is there, when `--config` names none.
const DEFAULT_FILE: &str = "thicket.toml";

const COMMAND_LINE: &str = "command line";
const ENVIRONMENT: &str = "environment";

/// What was said about the settings, and where.
#[derive(Default)]
pub(crate) struct Sources {
    /// The file of `--config`.
    pub file: Option<PathBuf>,
    /// Every environment variable of the process.
    pub environment: Vec<(OsString, OsString)>,
    /// Settings given as flags: dotted name and value.
    pub flags: Vec<(&'static str, String)>,
}

/// The merged settings, each with the place it came from.
pub(super) struct Layers(Figment);

impl Layers {
    /// Merges the sources.
    ///
    /// # Errors
    /// A file that cannot be read or is no TOML, a setting that does not exist, or an environment
    /// variable that is not text.
    pub(super) fn new(sources: Sources) -> Result<Self, ConfigError> {
        let mut figment = Figment::new();
        if let Some((path, text)) = read_file(sources.file)? {
            let file = figment.merge(File(path, Toml::string(&text)));
            file.data().map_err(one_line)?;
            figment = file;
        }
        let figment = figment
            .merge(Layer::new(
                ENVIRONMENT,
                from_environment(sources.environment)?,
            ))
            .merge(Layer::new(COMMAND_LINE, sources.flags));
        let layers = Self(figment);
        layers.refuse_unknown()?;
        Ok(layers)
    }

    /// The value of a setting as text; none when no source names it.
    ///
    /// # Errors
    /// The value is something that no setting can be, such as a table.
    pub(super) fn text(&self, key: &Key) -> Result<Option<String>, ConfigError> {
        let Ok(value) = self.0.find_value(key.name) else {
            return Ok(None);
        };
        match as_text(&value) {
            Some(text) => Ok(Some(text)),
            None => Err(ConfigError(format!(
                "{}: expected a single value",
                self.place(key)
            ))),
        }
    }

    /// How the person who wrote a setting would find it again, such as `THICKET_LISTEN` or
    /// `listen in thicket.toml`.
    pub(super) fn place(&self, key: &Key) -> String {
        match self.0.find_metadata(key.name) {
            Some(source) if source.name == COMMAND_LINE => format!("--{}", key.flag()),
            Some(source) if source.name == ENVIRONMENT => key.variable(),
            Some(source) => format!("{} in {}", key.name, source.name),
            None => key.name.to_owned(),
        }
    }

    fn refuse_unknown(&self) -> Result<(), ConfigError> {
        let data = self.0.data().map_err(one_line)?;
        let mut found = Vec::new();
        for dict in data.values() {
            flatten("", dict, &mut found);
        }
        match found
            .into_iter()
            .find(|(name, _)| !KEYS.iter().any(|key| key.name == name))
        {
            None => Ok(()),
            Some((name, value)) => {
                let file = self
                    .0
                    .get_metadata(value.tag())
                    .map_or("the configuration file", |source| &source.name);
                Err(ConfigError(format!(
                    "{name} in {file}: there is no such setting"
                )))
            }
        }
    }
}

/// A TOML file under its own name, so that messages can point to it.
struct File(PathBuf, figment::providers::Data<Toml>);

impl Provider for File {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.0.display().to_string())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        self.1.data().map_err(|error| {
            Error::from(format!(
                "{}: {}",
                self.0.display(),
                summary(&error.to_string())
            ))
        })
    }
}

/// Settings under their dotted names.
struct Layer {
    name: &'static str,
    settings: Vec<(&'static str, String)>,
}

impl Layer {
    fn new(name: &'static str, settings: Vec<(&'static str, String)>) -> Self {
        Self { name, settings }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let mut root = Dict::new();
        for (name, value) in &self.settings {
            // Values stay text: guessing at types would turn the API key `1e10` into a number.
            let value = Value::from(value.clone());
            match name.split_once('.') {
                None => drop(root.insert((*name).to_owned(), value)),
                Some((section, rest)) => {
                    let section = root
                        .entry(section.to_owned())
                        .or_insert_with(|| Value::from(Dict::new()));
                    if let Value::Dict(_, dict) = section {
                        dict.insert(rest.to_owned(), value);
                    }
                }
            }
        }
        Ok(Map::from([(Profile::Default, root)]))
    }
}

fn read_file(named: Option<PathBuf>) -> Result<Option<(PathBuf, String)>, ConfigError> {
    let (path, required) = match named {
        Some(path) => (path, true),
        None => (PathBuf::from(DEFAULT_FILE), false),
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some((path, text))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !required => Ok(None),
        Err(error) => Err(cannot_read(&path, &error)),
    }
}

fn cannot_read(path: &Path, error: &std::io::Error) -> ConfigError {
    ConfigError(format!("{}: cannot be read: {error}", path.display()))
}

fn from_environment(
    variables: Vec<(OsString, OsString)>,
) -> Result<Vec<(&'static str, String)>, ConfigError> {
    let mut found = Vec::new();
    for (name, value) in variables {
        let name = name.to_string_lossy();
        if !name.starts_with(PREFIX) || name.starts_with(TESTS) {
            continue;
        }
        let Some(key) = KEYS.iter().find(|key| key.variable() == name) else {
            return Err(ConfigError(format!(
                "{name} in the environment: there is no such setting"
            )));
        };
        let value = value
            .into_string()
            .map_err(|_| ConfigError(format!("{name}: the value is not UTF-8 text")))?;
        // An empty variable is how compose files and shells say "not set".
        if !value.is_empty() {
            found.push((key.name, value));
        }
    }
    Ok(found)
}

fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(_, text) => Some(text.clone()),
        Value::Bool(_, value) => Some(value.to_string()),
        Value::Num(_, number) => number
            .to_i128()
            .map(|n| n.to_string())
            .or_else(|| number.to_u128().map(|n| n.to_string()))
            .or_else(|| number.to_f64().map(|n| n.to_string())),
        Value::Array(_, items) => {
            let items: Option<Vec<String>> = items.iter().map(as_text).collect();
            items.map(|items| items.join(","))
        }
        _ => None,
    }
}

fn flatten(prefix: &str, dict: &Dict, found: &mut Vec<(String, Value)>) {
    for (name, value) in dict {
        let name = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        match value {
            // A section that holds nothing we know is reported by its own name.
            Value::Dict(_, inner) if is_section(&name) => flatten(&name, inner, found),
            _ => found.push((name, value.clone())),
        }
    }
}

fn is_section(name: &str) -> bool {
    KEYS.iter()
        .filter_map(|key| key.name.split_once('.'))
        .any(|(section, _)| section == name)
}

fn one_line(error: Error) -> ConfigError {
    ConfigError(summary(&error.to_string()))
}

/// The first and the last line of a message: where, and what. Between them TOML draws the place.
fn summary(text: &str) -> String {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    match lines.next_back() {
        Some(last) => format!("{first}: {last}"),
        None => first.to_owned(),
    }
}
