//! Points gathered by period.

use std::collections::BTreeMap;

use super::Point;

/// Merges points into periods of so many milliseconds, counted from `start`; each under the begin of its period.
pub(super) fn by_period(points: &[Point], start: i64, period: i64) -> Vec<Point> {
    let mut periods: BTreeMap<i64, Point> = BTreeMap::new();
    for point in points {
        let at = start + (point.at - start).div_euclid(period) * period;
        periods.entry(at).and_modify(|sum| sum.merge(point)).or_insert(Point { at, ..*point });
    }
    periods.into_values().collect()
}

/// One statistic of a period; none for a statistic that is not kept (percentiles).
pub(super) fn statistic(point: &Point, name: &str) -> Option<f64> {
    match name {
        "Average" => Some(point.sum / point.count),
        "Sum" => Some(point.sum),
        "Minimum" => Some(point.minimum),
        "Maximum" => Some(point.maximum),
        "SampleCount" => Some(point.count),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_of_a_period_are_one() {
        let points = [Point::of(1_000, 1.0), Point::of(59_000, 3.0), Point::of(60_000, 5.0)];
        let merged = by_period(&points, 0, 60_000);
        assert_eq!(merged.len(), 2);
        assert_eq!(statistic(&merged[0], "Average"), Some(2.0));
        assert_eq!(statistic(&merged[1], "Maximum"), Some(5.0));
        assert_eq!(merged[1].at, 60_000);
    }
}
