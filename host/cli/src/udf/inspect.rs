//! `rowmill udf inspect`: what a component is and what it asks for.

use std::fmt::Write as _;

use rowmill_foreign::Printable;
use rowmill_plan::problem::Problem;
use rowmill_plan::units::format_size;
use rowmill_wasm::{Arity, Component, Description, FunctionInfo};

use super::open::{open, problem};
use crate::diagnostics::Exit;
use crate::live::grouped;
use crate::output::{self, Form};

/// Loads the component, which already refuses one that asks for too much, and prints it.
pub(super) async fn inspect(wasm: &str, json: bool) -> Result<Exit, Box<Problem>> {
    let opened = open(wasm).await?;
    let component = &opened.component;
    let description = component.describe().await.map_err(|error| problem(&error))?;
    if json {
        output::print(&as_json(component, &description), Form::Json);
    } else {
        output::print(&as_text(component, &description), Form::Plain);
    }
    Ok(Exit::Done)
}

fn as_json(component: &Component, description: &Description) -> String {
    let imports: Vec<_> = component
        .imports()
        .iter()
        .map(|import| serde_json::json!({ "name": import.name, "granted": import.granted }))
        .collect();
    let value = serde_json::json!({
        "name": component.name(),
        "digest": format!("sha256:{}", component.digest()),
        "size": component.size(),
        "interface_version": component.interface_version(),
        "version": description.version,
        "docs": description.docs,
        "functions": description.functions,
        "imports": imports,
    });
    format!("{value:#}\n")
}

// Writing to a String can't fail.
fn as_text(component: &Component, description: &Description) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{} {}", Printable(component.name()), Printable(&description.version));
    indented(&mut out, "  ", &description.docs);
    let size = component.size();
    let _ = writeln!(out, "\ndigest     sha256:{}", component.digest());
    let _ = writeln!(out, "size       {} bytes ({})", grouped(size), format_size(size.next_multiple_of(1024)));
    let _ = writeln!(out, "interface  rowmill:udf@{}", component.interface_version());
    let _ = writeln!(out, "\nfunctions");
    for function in &description.functions {
        self::function(&mut out, function);
    }
    let _ = writeln!(out, "\nimports");
    if component.imports().is_empty() {
        let _ = writeln!(out, "  none");
    }
    for import in component.imports() {
        let _ = writeln!(out, "  {:8} {}", if import.granted { "granted" } else { "refused" }, Printable(&import.name));
    }
    out
}

fn function(out: &mut String, function: &FunctionInfo) {
    let parameters: Vec<String> = function
        .parameters
        .iter()
        .map(|parameter| {
            let mark = match parameter.arity {
                Arity::One => "",
                Arity::Optional => "?",
                Arity::Repeated => "...",
            };
            let types = if parameter.accepts.is_empty() { "any".to_owned() } else { parameter.accepts.join("|") };
            format!("{}{mark}: {types}", Printable(&parameter.name))
        })
        .collect();
    let kind = format!("{:?}", function.kind).to_lowercase();
    let _ = writeln!(
        out,
        "  {kind} {}({}) -> {}",
        Printable(&function.name),
        parameters.join(", "),
        Printable(&function.results)
    );
    indented(out, "      ", &function.docs);
    for parameter in function.parameters.iter().filter(|parameter| !parameter.docs.is_empty()) {
        let _ = writeln!(out, "      {}: {}", Printable(&parameter.name), Printable(&parameter.docs));
    }
    for key in &function.config {
        let note = match (&key.default, key.required) {
            (Some(default), _) => format!(" [default: {}]", Printable(default)),
            (None, true) => " [required]".to_owned(),
            (None, false) => String::new(),
        };
        let _ = writeln!(out, "      config {}: {}{note}", Printable(&key.name), Printable(&key.docs));
    }
}

/// A text of several lines, each made printable.
fn indented(out: &mut String, indent: &str, text: &str) {
    for line in text.trim().lines() {
        let _ = writeln!(out, "{indent}{}", Printable(line));
    }
}
