//! How alike two series are, and how well a score tells what belongs together from what does not.

/// The largest correlation of two series where the second is so many windows later, or at once.
pub(super) fn correlation(a: &[f64], b: &[f64], latest: usize) -> f64 {
    let shifts = 0..=latest.min(a.len());
    shifts
        .map(|shift| pearson(&a[..a.len() - shift], b.get(shift..).unwrap_or_default()))
        .fold(0.0, f64::max)
}

/// 0 where one of them never changes.
fn pearson(a: &[f64], b: &[f64]) -> f64 {
    let count = a.len().min(b.len()) as f64;
    if count == 0.0 {
        return 0.0;
    }
    let mean = |series: &[f64]| series.iter().sum::<f64>() / count;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut both, mut of_a, mut of_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (a - mean_a, b - mean_b);
        both += a * b;
        of_a += a * a;
        of_b += b * b;
    }
    if of_a > 0.0 && of_b > 0.0 {
        both / (of_a * of_b).sqrt()
    } else {
        0.0
    }
}

/// The area under the curve of hits against false alarms: how often a pair that belongs together scores above one that does
/// not. One where the score always tells, a half where it tells nothing.
pub(super) fn area(together: &[f64], not: &[f64]) -> f64 {
    let mut won = 0.0;
    for hit in together {
        for miss in not {
            won += match hit.total_cmp(miss) {
                core::cmp::Ordering::Greater => 1.0,
                core::cmp::Ordering::Equal => 0.5,
                core::cmp::Ordering::Less => 0.0,
            };
        }
    }
    won / (together.len() * not.len()).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_is_found_where_it_comes_in_time() {
        let a = [0.0, 5.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0];
        let echo = [0.0, 0.0, 5.0, 0.0, 0.0, 0.0, 3.0, 0.0];
        assert!((correlation(&a, &a, 0) - 1.0).abs() < 1e-9);
        assert!((correlation(&a, &echo, 1) - 1.0).abs() < 1e-9);
        assert!(correlation(&a, &echo, 0) < 0.1);
        assert!(correlation(&a, &[0.0; 8], 2).abs() < 1e-9);
        assert!(correlation(&[], &[], 2).abs() < 1e-9);
    }

    #[test]
    fn an_area_is_one_where_the_score_tells_and_a_half_where_it_does_not() {
        assert!((area(&[0.9, 0.8], &[0.1, 0.2, 0.3]) - 1.0).abs() < 1e-9);
        assert!((area(&[0.5, 0.5], &[0.5]) - 0.5).abs() < 1e-9);
        assert!((area(&[0.9, 0.1], &[0.5]) - 0.5).abs() < 1e-9);
        assert!(area(&[0.1], &[0.5, 0.6]).abs() < 1e-9);
    }
}
