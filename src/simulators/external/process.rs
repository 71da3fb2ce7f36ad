//! One run of a program: time limit, exit status, its last words.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Pauses between two looks at a running program.
const SHORTEST_PAUSE: Duration = Duration::from_micros(200);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);
/// So many of the last bytes, lines and letters of standard error are shown.
const LAST_BYTES: u64 = 4096;
const LAST_LINES: usize = 5;
const LAST_LETTERS: usize = 600;

/// Runs a command line with two more arguments. An error is a part of a sentence.
///
/// The program is the leader of a process group of its own; when the time is over, or `stop` is set, the whole group is killed.
pub(super) fn run(
    command: &str,
    input: &Path,
    output: &Path,
    errors: &Path,
    limit: Option<Duration>,
    stop: &AtomicBool,
) -> Result<(), String> {
    let began = Instant::now();
    let file = File::create(errors).map_err(|error| format!("could not be started ({error})"))?;
    let mut child = command_line(command)
        .arg(input)
        .arg(output)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(file)
        .spawn()
        .map_err(|error| format!("could not be started ({error})"))?;
    let mut pause = SHORTEST_PAUSE;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) => {}
            Err(error) => {
                kill(&mut child);
                return Err(format!("could not be waited for ({error})"));
            }
        }
        if let Some(limit) = limit.filter(|limit| began.elapsed() >= *limit) {
            kill(&mut child);
            return Err(format!("was still running after {} s{}", limit.as_secs_f64(), last_words(errors)));
        }
        if stop.load(Ordering::Relaxed) {
            kill(&mut child);
            return Err("was stopped".to_string());
        }
        std::thread::sleep(pause);
        pause = (2 * pause).min(LONGEST_PAUSE);
    };
    match status.success() {
        true => Ok(()),
        false => Err(format!("{}{}", describe(status), last_words(errors))),
    }
}

/// The shell splits the command line; the two arguments stand behind it.
#[cfg(unix)]
fn command_line(command: &str) -> Command {
    use std::os::unix::process::CommandExt;
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(format!("{command} \"$@\"")).arg("sh").process_group(0);
    shell
}

/// Words are split at blanks.
#[cfg(not(unix))]
fn command_line(command: &str) -> Command {
    let mut words = command.split_whitespace();
    let mut program = Command::new(words.next().unwrap_or_default());
    program.args(words);
    program
}

fn kill(child: &mut Child) {
    #[cfg(unix)]
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    // An error means that it has just ended.
    let _ = child.kill();
    let _ = child.wait();
}

fn describe(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("ended with status {code}"),
        None => format!("was killed ({status})"),
    }
}

/// The last lines of standard error, in one line.
pub(super) fn last_words(errors: &Path) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(errors)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LAST_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(LAST_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let text = String::from_utf8_lossy(&read().unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines[lines.len().saturating_sub(LAST_LINES)..].join(" | ");
    let skipped = last.chars().count().saturating_sub(LAST_LETTERS);
    let last: String = last.chars().skip(skipped).map(|c| if c.is_control() { ' ' } else { c }).collect();
    match last.is_empty() {
        true => " without a word on standard error".to_string(),
        false => format!(", its last words: {last}"),
    }
}
