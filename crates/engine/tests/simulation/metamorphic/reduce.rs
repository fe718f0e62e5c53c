//! Shrinking a history that shows something to the operations that are needed to show it.

/// Takes out runs of operations, from halves down to single ones, as long as `shows` still finds something. What it
/// finds may change on the way: any difference is worth a look, and the smallest history is the easiest to look at.
pub fn reduce<T: Clone>(
    mut ops: Vec<T>,
    mut found: String,
    shows: impl Fn(&[T]) -> Option<String>,
) -> (Vec<T>, String) {
    let mut length = ops.len().div_ceil(2);
    loop {
        let before = ops.len();
        let mut start = 0;
        while start < ops.len() {
            let end = (start + length).min(ops.len());
            let fewer = [&ops[..start], &ops[end..]].concat();
            match shows(&fewer) {
                Some(still) => (ops, found) = (fewer, still),
                None => start = end,
            }
        }
        match length {
            1 if ops.len() == before => return (ops, found),
            1 => {}
            _ => length = length.div_ceil(2),
        }
    }
}

#[test]
fn what_is_needed_stays_and_all_else_goes() {
    let shows = |numbers: &[u32]| {
        let first = numbers.iter().position(|number| *number == 17)?;
        let second = numbers.iter().position(|number| *number == 70)?;
        (first < second).then(|| format!("{}", numbers.len()))
    };
    let (left, found) = reduce((0..100).collect(), "100".into(), shows);
    assert_eq!((left, found.as_str()), (vec![17, 70], "2"));
}
