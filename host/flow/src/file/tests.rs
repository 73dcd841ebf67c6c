use super::*;

#[test]
fn smoke() {
    let r = parse(Path::new("x.yaml"), "pipeline: a\n", &|_| None);
    assert!(r.is_err());
}
