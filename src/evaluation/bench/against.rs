//! One table of several programs' rows.

use std::fmt::Write;
use std::path::Path;

use super::Row;
use super::ceilings::PEAK;
use crate::error::{Error, Result};

/// Rows of a file with one JSON object a line; rows that hold an error instead of times are left out. A time to the first
/// posterior has as many steps as the fit before it.
pub fn read_rows(path: &Path) -> Result<Vec<Row>> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| Error::file(path, format!("the rows cannot be read ({e}); check the path")))?;
    let mut rows: Vec<Row> = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let value: serde_json::Value = serde_json::from_str(line)
            .map_err(|e| Error::file(path, format!("line {} is no JSON object ({e})", number + 1)))?;
        if value.get("error").is_none()
            && let Ok(mut row) = serde_json::from_value::<Row>(value)
        {
            if row.phase == "time_to_first_posterior" && row.steps.is_none() {
                let fit = rows.iter().rev().find(|fit| fit.peer == row.peer && fit.phase == "fit_online");
                row.steps = fit.and_then(|fit| fit.steps);
            }
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

/// True when the rows measure the same: dropout as the peer has it, and as many steps of a fit.
fn comparable(ours: &Row, theirs: &Row) -> bool {
    let same = ours.workload == theirs.workload
        && ours.phase == theirs.phase
        && ours.threads == theirs.threads
        && (ours.batch == theirs.batch || ours.workload == "W7")
        && ours.steps == theirs.steps;
    let without = WITHOUT_DROPOUT.contains(&theirs.peer.as_str());
    same && match ours.variant.as_deref() {
        Some("dropout") => !without,
        Some("no-dropout") => without,
        _ => true,
    }
}

/// The rate of multiply-adds in registers that our rows measured on this many threads, in 10⁹ operations per second.
pub fn peak(ours: &[Row], threads: usize) -> Option<f64> {
    let rows = ours.iter().filter(|row| row.phase == PEAK && row.threads == threads);
    rows.filter_map(Row::rate).reduce(f64::max)
}

/// A Markdown table of our rows on this many threads beside the fastest comparable row of others: ratios of the best times
/// (CPU time on one thread) and of the median wall times, the share of the peak that our rows measured, and the bytes that the
/// work has to move at the least.
pub fn against(ours: &[Row], others: &[Row], threads: usize) -> String {
    let mut table = String::from(
        "| workload | phase | batch | variant | ferroflow | of peak | bytes moved | fastest peer | its time | ratio | \
         ratio of wall medians |\n|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    let peak = peak(ours, threads);
    let mut logarithms = Vec::new();
    for row in ours.iter().filter(|row| row.peer == "ferroflow" && row.threads == threads) {
        let candidates = others.iter().filter(|other| other.peer != "ferroflow" && comparable(row, other));
        let fastest = candidates
            .filter_map(|other| other.best().map(|best| (best, other)))
            .min_by(|(a, _), (b, _)| a.total_cmp(b));
        let share = row.rate().zip(peak).map(|(rate, peak)| format!("{:.0} %", 100.0 * rate / peak));
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
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {} | {} | {} | {peer} | {time} | {ratio} | {walls} |",
            row.workload,
            row.phase,
            row.batch.map(|batch| batch.to_string()).unwrap_or_default(),
            row.variant.as_deref().unwrap_or_default(),
            seconds(best),
            share.unwrap_or_default(),
            row.bytes.map(bytes).unwrap_or_default(),
        );
    }
    if let Some(peak) = peak {
        let _ = writeln!(table, "\nPeak of multiply-adds: {peak:.1} GFLOP/s on {threads} thread(s)");
    }
    if !logarithms.is_empty() {
        let mean = (logarithms.iter().sum::<f64>() / logarithms.len() as f64).exp();
        let _ = writeln!(table, "\nGeometric mean of the {} ratios of W1 to W3: {mean:.2}", logarithms.len());
    }
    table
}

/// A time with a fitting unit.
pub(super) fn seconds(value: f64) -> String {
    match value {
        v if v < 1e-3 => format!("{:.0} µs", v * 1e6),
        v if v < 1.0 => format!("{:.2} ms", v * 1e3),
        v => format!("{v:.2} s"),
    }
}

/// A number of bytes with a fitting unit.
fn bytes(value: f64) -> String {
    match value {
        v if v < 1e6 => format!("{:.1} kB", v / 1e3),
        v if v < 1e9 => format!("{:.2} MB", v / 1e6),
        v => format!("{:.2} GB", v / 1e9),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A row as a file holds it: on one thread, batch 64, all times alike.
    pub fn row(peer: &str, workload: &str, phase: &str, variant: Option<&str>, seconds: f64) -> Row {
        serde_json::from_value(serde_json::json!({
            "peer": peer, "workload": workload, "threads": 1, "phase": phase, "batch": 64, "variant": variant,
            "median_s": seconds, "min_s": seconds, "cpu_s": seconds, "cpu_min_s": seconds,
        }))
        .unwrap()
    }

    #[test]
    fn the_fastest_peer_that_does_the_same() {
        let mut ours = vec![
            row("ferroflow", "W1", "train_step", Some("dropout"), 1e-3),
            row("ferroflow", "W1", "train_step", Some("no-dropout"), 1e-3),
            row("ferroflow", "W1", "sample", None, 1e-3),
            row("ferroflow", "ceiling", "fma-f32", None, 1e-3),
        ];
        ours[0] = Row { gflops_cpu: Some(45.0), bytes: Some(2.5e6), ..ours[0].clone() };
        ours[3].gflops_cpu = Some(90.0);
        let others = [
            row("bayesflow-jax", "W1", "train_step", Some("jit"), 4e-3),
            row("flowjax", "W1", "train_step", Some("jit"), 2e-3),
            row("torch-native", "W1", "train_step", Some("eager"), 5e-3),
            row("flowjax", "W2", "sample", Some("jit"), 1e-3),
        ];
        let table = against(&ours, &others, 1);
        let lines: Vec<&str> = table.lines().collect();
        let dropout =
            "| W1 | train_step | 64 | dropout | 1.00 ms | 50 % | 2.50 MB | bayesflow-jax jit | 4.00 ms | 4.00 | 4.00 |";
        assert_eq!(lines[2], dropout);
        assert!(lines[3].ends_with("| flowjax jit | 2.00 ms | 2.00 | 2.00 |"), "{table}");
        assert_eq!(lines[4], "| W1 | sample | 64 |  | 1.00 ms |  |  |  |  |  |  |");
        assert!(table.contains("Peak of multiply-adds: 90.0 GFLOP/s on 1 thread(s)"));
        assert!(table.ends_with("Geometric mean of the 2 ratios of W1 to W3: 2.83\n"), "{table}");
    }

    #[test]
    fn fits_of_other_lengths_are_not_compared() {
        let fit = |peer, steps| Row { steps: Some(steps), ..row(peer, "W7", "fit_online", None, 1.0) };
        assert!(comparable(&fit("ferroflow", 3000), &fit("bayesflow-jax", 3000)));
        assert!(!comparable(&fit("ferroflow", 3000), &fit("bayesflow-jax", 1000)));
        let file = tempfile::NamedTempFile::new().unwrap();
        let rows = [fit("bayesflow-jax", 1000), row("bayesflow-jax", "W7", "time_to_first_posterior", None, 2.0)];
        let lines = rows.map(|row| serde_json::to_string(&row).unwrap());
        std::fs::write(file.path(), lines.join("\n")).unwrap();
        assert_eq!(read_rows(file.path()).unwrap()[1].steps, Some(1000));
    }
}
