//! Components that take a compiler very long, or very much, and pass every look at their structure.

/// `functions` of them, each a nest of loops that is just allowed.
pub(crate) fn component(functions: usize) -> Vec<u8> {
    let mut body = vec![0];
    // loop … br_if 0 … end
    body.extend([0x03, 0x40].repeat(3000));
    body.extend([0x41, 0x00, 0x0d, 0x00, 0x0b].repeat(3000));
    body.push(0x0b);
    with_bodies(&body, functions)
}

/// One function of the largest size: branch by branch, each of many locals is live throughout.
pub(crate) fn wide() -> Vec<u8> {
    const LOCALS: usize = 1000;
    let mut body = [&[1][..], &leb(LOCALS), &[0x7f]].concat();
    for i in 0.. {
        if body.len() > 1_690_000 {
            break;
        }
        let (one, other) = (leb(i % LOCALS), leb((i * 7 + 3) % LOCALS));
        // local.get one, if, local.get other, i32.const 1, i32.add, local.set one, end
        body.extend([&[0x20][..], &one, &[0x04, 0x40, 0x20], &other, &[0x41, 1, 0x6a, 0x21], &one, &[0x0b]].concat());
    }
    body.push(0x0b);
    with_bodies(&body, 1)
}

fn with_bodies(body: &[u8], functions: usize) -> Vec<u8> {
    let mut code = leb(functions);
    for _ in 0..functions {
        code.extend(leb(body.len()));
        code.extend(body);
    }
    let types = vec![1, 0x60, 0, 0];
    let kinds = [leb(functions), vec![0; functions]].concat();
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    for (id, content) in [(1, types), (3, kinds), (10, code)] {
        module.extend(section(id, &content));
    }
    [b"\0asm\x0d\0\x01\0".to_vec(), section(1, &module)].concat()
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [vec![id], leb(content.len()), content.to_vec()].concat()
}

fn leb(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(value & 0x7f).unwrap();
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}
