//! The two programs, as roles that one executable can take.

use std::ffi::OsString;
use std::process::ExitCode;

/// Which program a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The public half.
    EdgeProxy,
    /// The internal half.
    Resizer,
}

impl Role {
    /// The program's name, which is also the first argument that asks for the role.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EdgeProxy => "edge-proxy",
            Self::Resizer => resizer::NAME,
        }
    }

    /// Runs the role that the first argument asks for; `None` when it asks for none.
    pub fn dispatch(args: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
        let args: Vec<OsString> = args.into_iter().skip(1).collect();
        let role = [Self::EdgeProxy, Self::Resizer]
            .into_iter()
            .find(|role| args.first().is_some_and(|arg| arg == role.name()))?;
        Some(match role {
            Self::EdgeProxy => edge_proxy::cli(args),
            Self::Resizer => resizer::cli(args),
        })
    }
}
