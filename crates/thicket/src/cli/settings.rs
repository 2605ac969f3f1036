//! The flags that set settings. They come from the table of settings, so there is none without.

use crate::config::{KEYS, Key, Reach, Sources};
use clap::{Arg, ArgMatches, Command};
use std::path::PathBuf;

const HEADING: &str = "Settings";
const CONFIG: &str = "config";

/// Settings come after what is particular to a command, in the order of their table.
const FIRST_SETTING: usize = 100;

/// Adds `--config`, the flags that every command understands, and to the commands that run a server
/// those of the server.
pub(crate) fn add_flags(mut command: Command, servers: &[&str]) -> Command {
    command = command.arg(
        Arg::new(CONFIG)
            .long(CONFIG)
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("Configuration file [default: thicket.toml, if it is there]")
            .help_heading(HEADING)
            .display_order(FIRST_SETTING)
            .global(true),
    );
    command = command.args(flags(Reach::Every).map(|flag| flag.global(true)));
    for server in servers {
        command = command.mut_subcommand(*server, |server| server.args(flags(Reach::Server)));
    }
    command
}

/// The sources of the configuration, as they are for this command line and process.
pub(crate) fn sources(matches: &ArgMatches) -> Sources {
    let mut leaf = matches;
    while let Some((_, deeper)) = leaf.subcommand() {
        leaf = deeper;
    }
    let value = |key: &Key| leaf.try_get_one::<String>(key.name).ok().flatten().cloned();
    Sources {
        file: leaf.try_get_one::<PathBuf>(CONFIG).ok().flatten().cloned(),
        environment: std::env::vars_os().collect(),
        flags: KEYS
            .iter()
            .filter_map(|key| Some((key.name, value(key)?)))
            .collect(),
    }
}

fn flags(reach: Reach) -> impl Iterator<Item = Arg> {
    let shown = move |(_, key): &(usize, &Key)| key.reach == reach && !key.secret;
    (0..).zip(KEYS).filter(shown).map(|(place, key)| {
        Arg::new(key.name)
            .long(key.flag())
            .value_name("VALUE")
            .help(help(key))
            .help_heading(HEADING)
            .display_order(FIRST_SETTING + place)
    })
}

fn help(key: &Key) -> String {
    let doc = key.doc.trim_end_matches('.');
    let (variable, default) = (key.variable(), key.default_for_people());
    // The documentation is Markdown.
    format!("{doc} [env: {variable}] [default: {default}]").replace('`', "")
}
