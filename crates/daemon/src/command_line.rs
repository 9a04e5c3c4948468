//! Reading the command line and saying what is wrong with it, without ever printing a credential.

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches};
use std::error::Error;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;
use wire::shown::{chain, without_credentials};

/// The command line as values, and as clap's matches for [`is_flag`].
///
/// # Errors
/// The exit code, once help, the version or what is wrong has been printed.
pub fn parse<C: CommandFactory + FromArgMatches>(
    args: impl IntoIterator<Item = OsString>,
) -> Result<(C, ArgMatches), ExitCode> {
    let parsed = C::command()
        .try_get_matches_from(args)
        .and_then(|matches| Ok((C::from_arg_matches(&matches)?, matches)));
    parsed.map_err(|error| {
        if error.use_stderr() {
            let text = error.render();
            let text = if std::io::stderr().is_terminal() {
                text.ansi().to_string()
            } else {
                text.to_string()
            };
            eprint!("{}", without_credentials(&text));
        } else {
            let _ = error.print();
        }
        ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
    })
}

/// Whether an argument was given as a flag, where every user of the machine can read it, and not in the environment.
pub fn is_flag(matches: &ArgMatches, argument: &str) -> bool {
    matches.value_source(argument) == Some(ValueSource::CommandLine)
}

/// Prints why the program ends, each cause once.
pub fn fail(program: &str, error: &dyn Error) -> ExitCode {
    eprintln!("{program}: {}", without_credentials(&chain(error)));
    ExitCode::FAILURE
}
