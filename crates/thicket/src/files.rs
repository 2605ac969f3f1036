//! How many files the process may open: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many connections of clients may be open, of as many as are `wanted`. Raises the soft limit of open files to the hard one:
/// many systems begin with 1,024.
pub(crate) fn connections(wanted: usize) -> usize {
    let limit = raise(getrlimit(Resource::Nofile));
    let possible = fitting(limit);
    if wanted > possible {
        tracing::warn!(
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
    let Some(files) = files else {
        return api::CONNECTIONS_MAX;
    };
    // What a client asks for may take another: a file that it reads or writes, or a connection to the model. And there are the
    // databases.
    let half = usize::try_from(files / 2).unwrap_or(api::CONNECTIONS_MAX);
    half.clamp(1, api::CONNECTIONS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_files_are_left_for_what_is_no_connection() {
        assert_eq!(fitting(Some(1024)), 512);
        assert_eq!(fitting(Some(1)), 1);
        assert_eq!(fitting(Some(u64::MAX)), api::CONNECTIONS_MAX);
        assert_eq!(fitting(None), api::CONNECTIONS_MAX);
    }
}
