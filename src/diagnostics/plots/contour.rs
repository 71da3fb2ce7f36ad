//! Contour lines of a field on a grid: marching squares (Lorensen and Cline 1987, in two dimensions).

/// The closed lines that bound the region where `values` are above `level`, in columns and rows of the grid.
///
/// `values[row * side + column]` must be below `level` on the border, so that every line closes. The region lies on the
/// same side of all lines; lines around holes run the other way round, so that one polygon of all rings, joined by bridges
/// that are walked to and fro, leaves the holes empty under the nonzero fill rule.
pub fn rings(values: &[f64], side: usize, level: f64) -> Vec<Vec<(f64, f64)>> {
    let at = |column: usize, row: usize| values[row * side + column];
    // An edge is named by its upper left knot: 2 k runs to the right, 2 k + 1 down.
    let mut next = vec![usize::MAX; 2 * side * side];
    for row in 0..side - 1 {
        for column in 0..side - 1 {
            let knot = row * side + column;
            let (top, left, bottom, right) = (2 * knot, 2 * knot + 1, 2 * (knot + side), 2 * (knot + 1) + 1);
            let corners = [at(column, row), at(column + 1, row), at(column + 1, row + 1), at(column, row + 1)];
            let above = corners.map(|value| value > level);
            let center_above = corners.iter().sum::<f64>() / 4.0 > level;
            let case = above.iter().enumerate().fold(0, |case, (bit, &above)| case | usize::from(above) << bit);
            // Pairs (from, to) with the region on the left of the way, seen with rows counted upwards.
            let ways: &[(usize, usize)] = match case {
                0 | 15 => &[],
                1 => &[(left, top)],
                2 => &[(top, right)],
                3 => &[(left, right)],
                4 => &[(right, bottom)],
                5 if center_above => &[(left, bottom), (right, top)],
                5 => &[(left, top), (right, bottom)],
                6 => &[(top, bottom)],
                7 => &[(left, bottom)],
                8 => &[(bottom, left)],
                9 => &[(bottom, top)],
                10 if center_above => &[(top, left), (bottom, right)],
                10 => &[(top, right), (bottom, left)],
                11 => &[(bottom, right)],
                12 => &[(right, left)],
                13 => &[(right, top)],
                _ => &[(top, left)],
            };
            for &(from, to) in ways {
                next[from] = to;
            }
        }
    }
    let crossing = |edge: usize| {
        let (row, column) = (edge / 2 / side, edge / 2 % side);
        let (right, down) = if edge.is_multiple_of(2) { (1, 0) } else { (0, 1) };
        let (start, end) = (at(column, row), at(column + right, row + down));
        let share = (level - start) / (end - start);
        (column as f64 + share * right as f64, row as f64 + share * down as f64)
    };
    let mut rings = Vec::new();
    for first in 0..next.len() {
        let mut ring = Vec::new();
        let mut edge = first;
        while next[edge] != usize::MAX {
            ring.push(crossing(edge));
            edge = std::mem::replace(&mut next[edge], usize::MAX);
        }
        if ring.len() > 2 {
            rings.push(ring);
        }
    }
    rings
}

/// All rings as one polygon: each is closed and joined to the first by a bridge of no width.
pub fn join(rings: &[Vec<(f64, f64)>]) -> Vec<(f64, f64)> {
    let mut polygon = Vec::new();
    for ring in rings {
        polygon.extend(ring.iter().chain(ring.first()));
        polygon.extend(rings.first().and_then(|first| first.first()));
    }
    polygon
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(side: usize, f: impl Fn(f64, f64) -> f64) -> Vec<f64> {
        let place = |index: usize| 2.0 * index as f64 / (side - 1) as f64 - 1.0;
        (0..side * side).map(|i| f(place(i % side), place(i / side))).collect()
    }

    fn area(polygon: &[(f64, f64)]) -> f64 {
        let next = |i: usize| polygon[(i + 1) % polygon.len()];
        (0..polygon.len()).map(|i| (polygon[i].0 * next(i).1 - next(i).0 * polygon[i].1) / 2.0).sum()
    }

    #[test]
    fn a_disc_has_its_area() {
        let rings = rings(&field(65, |x, y| 1.0 - x.hypot(y)), 65, 0.5);
        assert_eq!(rings.len(), 1);
        let expected = std::f64::consts::PI * 16.0 * 16.0;
        assert!((area(&rings[0]).abs() - expected).abs() < 0.01 * expected, "{} and {expected}", area(&rings[0]));
    }

    #[test]
    fn a_hole_runs_the_other_way() {
        let values = field(97, |x, y| -(x.hypot(y) - 0.6).abs());
        let rings = rings(&values, 97, -0.2);
        assert_eq!(rings.len(), 2);
        assert!(area(&rings[0]) * area(&rings[1]) < 0.0, "{} and {}", area(&rings[0]), area(&rings[1]));
        let expected = std::f64::consts::PI * (0.64 - 0.16) * 48.0 * 48.0;
        assert!((area(&join(&rings)).abs() - expected).abs() < 0.01 * expected);
    }

    #[test]
    fn saddles_close() {
        let values =
            field(40, |x, y| if x.abs().max(y.abs()) > 0.96 { -9.0 } else { (7.0 * x).sin() * (7.0 * y).sin() });
        for level in [-0.5, 0.0, 1e-9, 0.3] {
            for ring in rings(&values, 40, level) {
                assert!(ring.iter().all(|(x, y)| x.is_finite() && y.is_finite()));
                let (first, last) = (ring[0], ring[ring.len() - 1]);
                assert!((first.0 - last.0).hypot(first.1 - last.1) < 1.5, "a ring that does not close");
            }
        }
    }
}
