//! The packet rows on the host: the parser and the policy see in each frame what the row says.

mod rows;

#[test]
fn the_host_sees_what_the_rows_say() {
    let rows = rows::table();
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|row| {
            let seen = rows::see(&row.world, &row.frame);
            (seen != row.seen).then(|| format!("{}: saw {seen:?}, not {:?}", row.says, row.seen))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

#[test]
fn there_are_many_rows_and_none_twice() {
    let rows = rows::table();
    assert!(rows.len() > 500, "{}", rows.len());
    let mut sentences: Vec<&str> = rows.iter().map(|row| row.says.as_str()).collect();
    sentences.sort_unstable();
    let twice: Vec<_> = sentences.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    assert_eq!(twice, Vec::<&str>::new());
}
