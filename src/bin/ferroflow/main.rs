//! The command line: one file per command. Everything that computes is in the library.

mod arguments;
mod bench;
mod checks;
mod compare;
mod devices;
mod diagnose;
mod estimate;
mod evidence;
mod inspect;
mod log_prob;
mod output;
mod progress;
mod sample;
mod simulate;
mod train;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Cli, Command};
use output::{Failure, complain};

/// Exit status of wrong usage; 1 stands for everything else that fails.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Printing fails when nobody reads, which changes nothing.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    if std::env::var_os("RUST_BACKTRACE").is_none() {
        std::panic::set_hook(Box::new(|_| {}));
    }
    let outcome = std::panic::catch_unwind(|| match cli.command {
        Command::Simulate(arguments) => simulate::run(*arguments),
        Command::Train(arguments) => train::run(*arguments),
        Command::Sample(arguments) => sample::run(arguments),
        Command::LogProb(arguments) => log_prob::run(arguments),
        Command::Estimate(arguments) => estimate::run(arguments),
        Command::Evidence(arguments) => evidence::run(arguments),
        Command::Compare(arguments) => compare::run(*arguments),
        Command::Diagnose(arguments) => diagnose::run(arguments),
        Command::Inspect(arguments) => inspect::run(arguments),
        Command::Devices => devices::run(),
        Command::Bench(arguments) => bench::run(arguments),
    });
    match outcome {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(Failure::Usage(message))) => {
            complain(&format!("{message}\n\nFor more information, try '--help'."));
            ExitCode::from(USAGE)
        }
        Ok(Err(Failure::Error(error))) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| text.to_string());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            complain(&format!(
                "ferroflow came upon a defect of its own ({}); please report it with the command that led to it",
                text.replace('\n', " ")
            ));
            ExitCode::FAILURE
        }
    }
}
