//! What more threads bring.

use std::fmt::Write;

use super::Row;
use super::against::seconds;

/// A Markdown table of wall times: each phase on the first number of threads beside the same phase on the others. The ratios
/// are wall time on the first number divided by wall time on the other, of the smallest times and of the medians. The peak of
/// multiply-adds is left out: its work grows with the threads.
pub fn speedups(rows: &[Row], threads: &[usize]) -> String {
    let mut table = String::from(
        "| workload | phase | batch | variant | threads | wall, first | wall, other | ratio | ratio of medians |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    let Some((&base, others)) = threads.split_first() else { return table };
    for row in rows.iter().filter(|row| row.threads == base && row.peer == "ferroflow") {
        let same = |other: &&Row| {
            let key = |row: &Row| (row.workload.clone(), row.phase.clone(), row.batch, row.variant.clone());
            key(row) == key(other) && row.flops == other.flops
        };
        for &count in others {
            let Some(other) = rows.iter().filter(|other| other.threads == count).find(same) else { continue };
            let Some((one, more)) = row.min_s.zip(other.min_s) else { continue };
            let medians = row.median_s.zip(other.median_s).map(|(one, more)| format!("{:.2}", one / more));
            let _ = writeln!(
                table,
                "| {} | {} | {} | {} | {base} : {count} | {} | {} | {:.2} | {} |",
                row.workload,
                row.phase,
                row.batch.map(|batch| batch.to_string()).unwrap_or_default(),
                row.variant.as_deref().unwrap_or_default(),
                seconds(one),
                seconds(more),
                one / more,
                medians.unwrap_or_default(),
            );
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::bench::against::tests::row;

    #[test]
    fn each_phase_beside_itself() {
        let timed = |phase, threads, seconds: f64| Row {
            threads,
            min_s: Some(seconds),
            median_s: Some(2.0 * seconds),
            ..row("ferroflow", "W1", phase, None, seconds)
        };
        let rows = [timed("log_prob", 1, 3e-3), timed("log_prob", 2, 2e-3), timed("sample", 1, 1.0)];
        let table = speedups(&rows, &[1, 2]);
        assert_eq!(table.lines().count(), 3, "{table}");
        assert!(table.ends_with("| W1 | log_prob | 64 |  | 1 : 2 | 3.00 ms | 2.00 ms | 1.50 | 1.50 |\n"), "{table}");
    }
}
