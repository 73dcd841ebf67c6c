//! The contract is frozen, and what was built against it loads.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, StringArray};
use rowmill_wasm::{Aggregate, Argument, Function, Input, Limits};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::guests::{column, component, groups, identity};

/// Of `wit/udf.wit` without its comments, spaces and line ends as one space.
const FROZEN: &str = "d9425c9ab2ce145d11369078a3dd862e59727ca5dda1181a6cba23743e005474";

#[test]
fn the_interface_text_of_0_1_0_does_not_change() {
    let text = include_str!("../../../../wit/udf.wit");
    let code = text.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code));
    let words: Vec<&str> = code.flat_map(str::split_whitespace).collect();
    let digest: String = Sha256::digest(words.join(" ")).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        digest, FROZEN,
        "rowmill:udf@0.1.0 is frozen: components built against it are out there. Comments may change; an item \
         may not, and none may go. To add one, release it as 0.1.z: give the package that version, let the host \
         link it beside 0.1.0, keep this text under wit/ and a guest that is built from it, and store the new digest"
    );
}

/// The guest is built from source against the text above; whoever changes the host's side has to load it.
#[tokio::test]
async fn a_component_built_against_0_1_0_loads_and_each_kind_of_function_runs() {
    let guest = component("honest").await;
    assert_eq!(guest.interface_version(), "0.1.0");
    let imports: Vec<&str> = guest.imports().iter().map(|import| import.name.as_str()).collect();
    assert!(imports.iter().all(|name| name.starts_with("wasi:") || *name == "rowmill:udf/types@0.1.0"), "{imports:?}");
    let price: ArrayRef = Arc::new(Float64Array::from(vec![11.0, 2.0]));
    let qty: ArrayRef = Arc::new(Int64Array::from(vec![3, 4]));
    let text: ArrayRef = Arc::new(StringArray::from(vec!["a,b", "c"]));
    for (function, columns, rows) in [
        ("mul", vec![price.clone(), qty.clone()], 2),
        ("dear", vec![price, qty.clone()], 2),
        ("explode", vec![text], 3),
    ] {
        let args: Vec<Argument> = columns.iter().map(|c| column("x", c.data_type().clone())).collect();
        let bound = Function::bind(&guest, &identity(), &Limits::default(), function, &args, &Value::Null).await;
        let input = Input { rows: 2, columns: &columns, ..Input::default() };
        let output = bound.expect("binds").run(&input).await.expect("runs");
        assert_eq!(output.columns[0].len(), rows, "{function}");
    }
    let args = [column("x", qty.data_type().clone())];
    let sum = Aggregate::bind(&guest, &identity(), &Limits::default(), "sum", &args, &Value::Null).await;
    let mut sum = sum.expect("binds");
    let input = Input { rows: 2, columns: &[qty], ..Input::default() };
    sum.update(1, &groups([0, 0]), None, &input).await.expect("updates");
    let output = sum.evaluate(&groups([0])).await.expect("evaluates");
    assert_eq!(output.columns[0].as_ref(), &Int64Array::from(vec![7]) as &dyn arrow_array::Array);
}
