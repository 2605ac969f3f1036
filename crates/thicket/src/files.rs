//! How many files the process may open: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that are left to what is no connection of a client, if that is not more than half of them: databases, files that
/// clients read or write, connections to models.
const RESERVED: u64 = 1_024;

/// How many connections of clients may be open, of as many as are `wanted`. Raises the soft limit of open files to the hard one:
/// many systems begin with 1,024.
pub(crate) fn connections(wanted: usize) -> usize {
    let limit = raise(getrlimit(Resource::Nofile));
    let possible = fitting(limit);
    if wanted > possible {
        tracing::info!(
            connections = possible,
            files = limit,
            "fewer connections than THICKET_CONNECTIONS asks for, as the process may not open more files"
        );
    }
    wanted.min(possible)
}

/// How many files may be open now; `None`: any number.
fn raise(limit: Rlimit) -> Option<u64> {
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => raised.current,
        Err(error) => {
            tracing::debug!(%error, "the number of files that may be open was not raised");
            limit.current
        }
    }
}

fn fitting(files: Option<u64>) -> usize {
    let left = files.map(|files| files - RESERVED.min(files / 2));
    left.map_or(usize::MAX, |left| {
        usize::try_from(left).unwrap_or(usize::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_files_are_left_for_what_is_no_connection() {
        assert_eq!(fitting(Some(20_000)), 18_976);
        assert_eq!(fitting(Some(1_024)), 512);
        assert_eq!(fitting(Some(1)), 1);
        assert_eq!(fitting(None), usize::MAX);
    }
}
