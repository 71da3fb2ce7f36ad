//! How values on the command line are read, and what is said about wrong ones.

use ferroflow::networks::{InferenceChoice, SummaryChoice};
use ferroflow::simulators;

pub fn simulators_help() -> String {
    let list = simulators::list();
    let width = list.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines: Vec<String> = list.iter().map(|(name, text)| format!("  {name:<width$}  {text}")).collect();
    format!("A built-in simulator:\n{}", lines.join("\n"))
}

pub fn simulator(name: &str) -> Result<String, String> {
    simulators::find(name).map(|_| name.to_string()).map_err(|e| e.to_string())
}

pub fn summary(name: &str) -> Result<String, String> {
    SummaryChoice::named(name).map(|_| name.to_string()).map_err(|e| e.to_string())
}

pub fn inference(name: &str) -> Result<String, String> {
    InferenceChoice::named(name).map(|_| name.to_string()).map_err(|e| e.to_string())
}

/// Counts beyond this are mistakes: nothing of that size can be stored or computed.
const MOST: usize = 1 << 48;
/// More threads than this help nowhere.
const MOST_THREADS: usize = 1024;

pub fn whole(text: &str, least: usize, most: usize) -> Result<usize, String> {
    match text.parse::<i128>() {
        Ok(number) if number < least as i128 => Err(format!("give a whole number, {least} or more")),
        Ok(number) if number > most as i128 => Err(format!("give a whole number up to {most}")),
        Ok(number) => Ok(number as usize),
        Err(_) => Err(format!("give a whole number, {least} or more, in digits")),
    }
}

pub fn count(text: &str) -> Result<usize, String> {
    whole(text, 0, MOST)
}

pub fn positive(text: &str) -> Result<usize, String> {
    whole(text, 1, MOST)
}

pub fn at_least_two(text: &str) -> Result<usize, String> {
    whole(text, 2, MOST)
}

pub fn threads(text: &str) -> Result<usize, String> {
    whole(text, 1, MOST_THREADS)
}

/// Seeds fit into the signed integers of TOML files.
pub fn seed(text: &str) -> Result<u64, String> {
    whole(text, 0, i64::MAX as usize).map(|seed| seed as u64)
}

pub fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate.is_finite() => Ok(rate),
        _ => Err("give a positive number, such as 0.0005".to_string()),
    }
}

pub fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= 1e9 => Ok(seconds),
        _ => Err("give a positive number of seconds".to_string()),
    }
}

pub fn retries(text: &str) -> Result<usize, String> {
    whole(text, 0, 1000)
}

pub fn bound(text: &str) -> Result<(String, f64), String> {
    let expected = || "give a key and a number, such as sigma=0".to_string();
    let (key, number) = text.split_once('=').ok_or_else(expected)?;
    let bound: f64 = number.trim().parse().map_err(|_| expected())?;
    if key.trim().is_empty() || !bound.is_finite() {
        return Err(expected());
    }
    Ok((key.trim().to_string(), bound))
}
