//! One table of several programs' rows.

use std::fmt::Write;
use std::path::Path;

use super::Row;
use crate::error::{Error, Result};

/// Rows of a file with one JSON object a line; rows that hold an error instead of times are left out.
pub fn read_rows(path: &Path) -> Result<Vec<Row>> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| Error::file(path, format!("the rows cannot be read ({e}); check the path")))?;
    let mut rows = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let value: serde_json::Value = serde_json::from_str(line)
            .map_err(|e| Error::file(path, format!("line {} is no JSON object ({e})", number + 1)))?;
        if value.get("error").is_none()
            && let Ok(row) = serde_json::from_value(value)
        {
            rows.push(row);
        }
    }
    match rows.is_empty() {
        true => Err(Error::file(path, "holds no row of a bench; give a file that a bench has written")),
        false => Ok(rows),
    }
}

/// Peers that train these networks without dropout.
const WITHOUT_DROPOUT: &[&str] = &["flowjax", "zuko", "sbi", "normflows"];

/// True when the rows measure the same, dropout as the peer has it.
fn comparable(ours: &Row, theirs: &Row) -> bool {
    let same = ours.workload == theirs.workload
        && ours.phase == theirs.phase
        && ours.threads == theirs.threads
        && (ours.batch == theirs.batch || ours.workload == "W7");
    let without = WITHOUT_DROPOUT.contains(&theirs.peer.as_str());
    same && match ours.variant.as_deref() {
        Some("dropout") => !without,
        Some("no-dropout") => without,
        _ => true,
    }
}

/// A Markdown table of our rows beside the fastest comparable row of others: ratios of the best times (CPU time on one
/// thread) and of the median wall times, and the share of a peak rate.
pub fn against(ours: &[Row], others: &[Row], peak: Option<f64>) -> String {
    let mut table = String::from(
        "| workload | phase | batch | variant | ferroflow | of peak | fastest peer | its time | ratio | ratio of wall medians |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    let mut logarithms = Vec::new();
    for row in ours.iter().filter(|row| row.peer == "ferroflow") {
        let candidates = others.iter().filter(|other| other.peer != "ferroflow" && comparable(row, other));
        let fastest = candidates
            .filter_map(|other| other.best().map(|best| (best, other)))
            .min_by(|(a, _), (b, _)| a.total_cmp(b));
        let share = match (row.gflops_cpu.filter(|_| row.threads == 1).or(row.gflops_best), peak) {
            (Some(rate), Some(peak)) => format!("{:.0} %", 100.0 * rate / peak),
            _ => String::new(),
        };
        let best = row.best().unwrap_or(f64::NAN);
        let (peer, time, ratio, walls) = match fastest {
            Some((theirs, other)) => {
                if ["W1", "W2", "W3"].contains(&row.workload.as_str()) {
                    logarithms.push((theirs / best).ln());
                }
                let walls = other.median_s.zip(row.median_s).map(|(theirs, ours)| format!("{:.2}", theirs / ours));
                let peer = format!("{} {}", other.peer, other.variant.as_deref().unwrap_or_default());
                (peer, seconds(theirs), format!("{:.2}", theirs / best), walls.unwrap_or_default())
            }
            None => Default::default(),
        };
        let batch = row.batch.map(|batch| batch.to_string()).unwrap_or_default();
        let variant = row.variant.as_deref().unwrap_or_default();
        let _ = writeln!(
            table,
            "| {} | {} | {batch} | {variant} | {} | {share} | {peer} | {time} | {ratio} | {walls} |",
            row.workload,
            row.phase,
            seconds(best)
        );
    }
    if !logarithms.is_empty() {
        let mean = (logarithms.iter().sum::<f64>() / logarithms.len() as f64).exp();
        let _ = writeln!(table, "\nGeometric mean of the {} ratios of W1 to W3: {mean:.2}", logarithms.len());
    }
    table
}

/// A time with a fitting unit.
fn seconds(value: f64) -> String {
    match value {
        v if v < 1e-3 => format!("{:.0} µs", v * 1e6),
        v if v < 1.0 => format!("{:.2} ms", v * 1e3),
        v => format!("{v:.2} s"),
    }
}
