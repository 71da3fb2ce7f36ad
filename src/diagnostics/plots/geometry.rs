//! Clipping to a rectangle and thinning of curves.
//!
//! plotters moves points outside of an area onto its border, which bends lines; here lines are cut where they leave.

use super::canvas::Pixel;

/// A rectangle in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rectangle {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

impl Rectangle {
    pub fn right(&self) -> f64 {
        self.left + self.width
    }

    pub fn bottom(&self) -> f64 {
        self.top + self.height
    }

    pub fn contains(&self, (x, y): Pixel) -> bool {
        x >= self.left && x <= self.right() && y >= self.top && y <= self.bottom()
    }

    /// The part of a segment that lies inside (Liang and Barsky 1984).
    fn clip_segment(&self, from: Pixel, to: Pixel) -> Option<(Pixel, Pixel)> {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
        let sides = [
            (-dx, from.0 - self.left),
            (dx, self.right() - from.0),
            (-dy, from.1 - self.top),
            (dy, self.bottom() - from.1),
        ];
        for (slope, distance) in sides {
            if slope == 0.0 {
                if distance < 0.0 {
                    return None;
                }
            } else if slope < 0.0 {
                enter = enter.max(distance / slope);
            } else {
                leave = leave.min(distance / slope);
            }
        }
        let at = |t: f64| (from.0 + t * dx, from.1 + t * dy);
        (enter <= leave).then(|| (at(enter), at(leave)))
    }

    /// The pieces of a curve that lie inside.
    pub fn clip_path(&self, points: &[Pixel]) -> Vec<Vec<Pixel>> {
        let mut pieces: Vec<Vec<Pixel>> = Vec::new();
        for pair in points.windows(2) {
            let Some((from, to)) = self.clip_segment(pair[0], pair[1]) else { continue };
            match pieces.last_mut() {
                Some(piece) if piece.last() == Some(&from) => piece.push(to),
                _ => pieces.push(vec![from, to]),
            }
        }
        pieces
    }

    /// The part of a polygon that lies inside (Sutherland and Hodgman 1974).
    pub fn clip_polygon(&self, points: &[Pixel]) -> Vec<Pixel> {
        let left = cut(points, |p| p.0 - self.left);
        let right = cut(&left, |p| self.right() - p.0);
        let top = cut(&right, |p| p.1 - self.top);
        cut(&top, |p| self.bottom() - p.1)
    }
}

/// The part of a polygon where `inside` is not negative; `inside` is linear.
fn cut(points: &[Pixel], inside: impl Fn(Pixel) -> f64) -> Vec<Pixel> {
    let mut kept = Vec::with_capacity(points.len());
    for (index, &end) in points.iter().enumerate() {
        let start = points[(index + points.len() - 1) % points.len()];
        let (a, b) = (inside(start), inside(end));
        if (a < 0.0) != (b < 0.0) {
            let t = a / (a - b);
            kept.push((start.0 + t * (end.0 - start.0), start.1 + t * (end.1 - start.1)));
        }
        if b >= 0.0 {
            kept.push(end);
        }
    }
    kept
}

/// Fewer points for the same curve, none of the dropped ones further than `tolerance` from it (Douglas and Peucker 1973).
pub fn simplify(points: &[Pixel], tolerance: f64) -> Vec<Pixel> {
    if points.len() < 3 {
        return points.to_vec();
    }
    let mut keep = vec![false; points.len()];
    keep[0] = true;
    keep[points.len() - 1] = true;
    let mut pending = vec![(0, points.len() - 1)];
    while let Some((first, last)) = pending.pop() {
        let mut farthest = (tolerance, None);
        for index in first + 1..last {
            let distance = distance_to_segment(points[index], points[first], points[last]);
            if distance > farthest.0 {
                farthest = (distance, Some(index));
            }
        }
        if let (_, Some(index)) = farthest {
            keep[index] = true;
            pending.push((first, index));
            pending.push((index, last));
        }
    }
    points.iter().zip(keep).filter_map(|(&point, kept)| kept.then_some(point)).collect()
}

fn distance_to_segment(point: Pixel, from: Pixel, to: Pixel) -> f64 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx * dx + dy * dy;
    let t = if length == 0.0 {
        0.0
    } else {
        (((point.0 - from.0) * dx + (point.1 - from.1) * dy) / length).clamp(0.0, 1.0)
    };
    (point.0 - from.0 - t * dx).hypot(point.1 - from.1 - t * dy)
}

/// `keep` of `count` indices, spread evenly; all of them if there are no more.
pub fn thin(count: usize, keep: usize) -> impl Iterator<Item = usize> {
    let kept = count.min(keep);
    (0..kept).map(move |index| (index as u128 * count as u128 / kept as u128) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUARE: Rectangle = Rectangle { left: 0.0, top: 0.0, width: 10.0, height: 10.0 };

    #[test]
    fn a_path_is_cut_where_it_leaves() {
        let pieces = SQUARE.clip_path(&[(-5.0, 5.0), (15.0, 5.0), (15.0, 8.0), (5.0, 8.0)]);
        assert_eq!(pieces, vec![vec![(0.0, 5.0), (10.0, 5.0)], vec![(10.0, 8.0), (5.0, 8.0)]]);
    }

    #[test]
    fn a_polygon_is_cut_to_the_rectangle() {
        let corners = SQUARE.clip_polygon(&[(-5.0, -5.0), (15.0, -5.0), (15.0, 5.0), (-5.0, 5.0)]);
        assert!(corners.iter().all(|&corner| SQUARE.contains(corner)), "{corners:?}");
        let area: f64 = (0..corners.len())
            .map(|i| (corners[i], corners[(i + 1) % corners.len()]))
            .map(|(a, b)| (a.0 * b.1 - b.0 * a.1) / 2.0)
            .sum();
        assert!((area.abs() - 50.0).abs() < 1e-12, "{area}");
        assert!(SQUARE.clip_polygon(&[(20.0, 20.0), (30.0, 20.0), (30.0, 30.0)]).is_empty());
    }

    #[test]
    fn simplification_keeps_corners_and_drops_what_lies_between() {
        let corner: Vec<Pixel> =
            (0..=50).map(|i| (f64::from(i), 0.0)).chain((1..=50).map(|i| (50.0, f64::from(i)))).collect();
        assert_eq!(simplify(&corner, 0.1), vec![(0.0, 0.0), (50.0, 0.0), (50.0, 50.0)]);
    }

    #[test]
    fn thinning_is_even_and_complete_when_small() {
        assert_eq!(thin(3, 10).collect::<Vec<_>>(), vec![0, 1, 2]);
        assert_eq!(thin(10, 5).collect::<Vec<_>>(), vec![0, 2, 4, 6, 8]);
        assert_eq!(thin(0, 5).count(), 0);
    }
}
