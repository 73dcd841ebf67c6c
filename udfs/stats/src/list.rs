//! Functions that list the values of a group: `string_agg` (`group_concat`), `json_arrayagg` and
//! `top_k`.

use rowmill_sdk::serde_json::{Value as Json, json};
use rowmill_sdk::{
    Argument, Arity, Batch, BindError, BoundAggregate, ConfigKey, DataType, Field, FlaggedRow, FunctionInfo, RowError,
};

use crate::aggregate::{Bound, Function, Layout};
use crate::call::{self, Config};
use crate::columns::{Reader, Writer};
use crate::entries::{self, Entries, EntryRows, Set, Takes};
use crate::show::Show;
use crate::types;

/// Which list, and under which name.
#[derive(Clone, Copy, Debug)]
pub(crate) enum List {
    Text(&'static str),
    Json,
    Top,
}

const ORDER: &str = "order";
const SEPARATOR: &str = "separator";
const MAX_LENGTH: &str = "max_length";
const K: &str = "k";
/// MariaDB's `group_concat_max_len`. MySQL's 1,024 bytes cut many a list; here they would refuse it.
const MAX_LENGTH_DEFAULT: u64 = 1 << 20;
/// More than a column holds; a larger result is refused by the host's limit of output before that.
const MAX_LENGTH_MOST: u64 = 1 << 30;
const K_DEFAULT: u64 = 10;
const K_MOST: u64 = 10_000;

impl List {
    fn name(self) -> &'static str {
        match self {
            Self::Text(name) => name,
            Self::Json => "json_arrayagg",
            Self::Top => "top_k",
        }
    }

    /// The words for the direction, the default first.
    fn orders(self) -> [&'static str; 2] {
        match self {
            Self::Text(_) | Self::Json => ["asc", "desc"],
            Self::Top => ["desc", "asc"],
        }
    }

    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Text(_) => &[ORDER, SEPARATOR, MAX_LENGTH],
            Self::Json => &[ORDER],
            Self::Top => &[ORDER, K],
        }
    }
}

pub(crate) fn info(list: List) -> FunctionInfo {
    let (what, results) = match list {
        List::Text(_) => (
            "The values that are not NULL as one text, with a separator between them; NULL when there is none. A text \
             above `max_length` bytes is an error of the group (`too-long`), not cut.",
            "utf8",
        ),
        List::Json => ("The values as a JSON array, NULL as null; NULL without rows.", "json"),
        List::Top => (
            "The values of the `k` rows with the largest order values (or, without an order column, the largest \
             values) as a JSON array, the largest first. Rows whose order value is NULL are left out; NULL when there \
             is none.",
            "json",
        ),
    };
    let order = "What the values are sorted by; texts by their column's collation. Without it, by the value itself.";
    let mut config: Vec<ConfigKey> =
        vec![call::key(ORDER, "`asc` or `desc`; NULL is below all.", json!(list.orders()[0]))];
    match list {
        List::Text(_) => {
            config.push(call::key(SEPARATOR, "What stands between two values.", json!(",")));
            config.push(call::key(MAX_LENGTH, "The longest result, in bytes.", json!(MAX_LENGTH_DEFAULT)));
        }
        List::Json => {}
        List::Top => config.push(call::key(K, "How many rows, 1 to 10,000.", json!(K_DEFAULT))),
    }
    call::info(
        list.name(),
        format!(
            "{what} The list is sorted by the order column; equal ones, or all without an order column, by the value \
             (texts by their bytes), so that it does not depend on the order of the rows. Exact under retraction: \
             every distinct value of a group is kept with its order and count."
        ),
        vec![
            call::parameter("value", "Any type but binary.", Arity::One),
            call::parameter("order", order, Arity::Optional),
        ],
        results,
        config,
    )
}

pub(crate) fn bind(list: List, args: &[Argument], config: &Json) -> Result<Box<dyn BoundAggregate>, BindError> {
    let name = list.name();
    let config = Config::new(name, config, list.keys())?;
    let takes = match list {
        List::Text(_) => Takes::Values,
        List::Json => Takes::All,
        List::Top => Takes::Ordered,
    };
    let entries = Entries::bind(name, args, takes, false)?;
    let field = call::column(name, args, 0)?;
    let show = Show::of(field).ok_or_else(|| {
        let hint = "take HEX(…) or TO_BASE64(…) of it in a map step";
        call::wrong_type(name, 0, "values that have a text", field.data_type, hint)
    })?;
    let falling = (config.word(ORDER, &list.orders())? == 0) == (list.orders()[0] == "desc");
    let form = match list {
        List::Text(_) => Form::Text {
            separator: config.text(SEPARATOR, ",")?.as_bytes().into(),
            length: config.integer(MAX_LENGTH, MAX_LENGTH_DEFAULT, 1, MAX_LENGTH_MOST)? as usize,
        },
        List::Json => Form::Json { most: u64::MAX },
        List::Top => Form::Json { most: config.integer(K, K_DEFAULT, 1, K_MOST)? },
    };
    let result = form.result(name, field);
    let (reads, state) = (entries.reads(), entries.state(args));
    let function = Listed { name, entries, show, falling, form };
    Ok(Bound::new(function, reads, result, Layout::Several, state).boxed())
}

enum Form {
    /// At most so many bytes.
    Text { separator: Box<[u8]>, length: usize },
    /// At most so many values.
    Json { most: u64 },
}

impl Form {
    fn result(&self, name: &str, field: &Field) -> Field {
        match self {
            Self::Text { length, .. } => {
                let result = types::result(name, DataType::Utf8).with("max-chars", length.to_string());
                match field.attribute("collation") {
                    Some(collation) => result.with("collation", collation),
                    None => result,
                }
            }
            Self::Json { .. } => types::result(name, DataType::Json),
        }
    }
}

struct Listed {
    name: &'static str,
    entries: Entries,
    show: Show,
    /// From the largest to the smallest.
    falling: bool,
    form: Form,
}

impl Listed {
    /// Calls `f` with each value in order until it says that this is enough.
    fn each(&self, group: &Set, mut f: impl FnMut(Option<&[u8]>) -> bool) {
        let mut entry =
            |(entry, count): (&[u8], u64)| self.entries.with_value(entry, |value| (0..count).all(|_| f(value)));
        if self.falling {
            group.present().rev().all(&mut entry);
        } else {
            group.present().all(&mut entry);
        }
    }
}

impl Function for Listed {
    type Rows = EntryRows;
    type Group = Set;

    fn open(&self, batch: Batch, _: &mut Vec<FlaggedRow>) -> Result<EntryRows, String> {
        self.entries.open(batch)
    }

    fn add(&self, group: &mut Set, entry: &[u8]) {
        group.change(entry, 1);
    }

    fn retract(&self, group: &mut Set, entry: &[u8]) {
        group.change(entry, -1);
    }

    fn evaluate(&self, group: &Set, out: &mut Writer) -> Result<(), RowError> {
        let mut list = Vec::new();
        let mut values = 0;
        match &self.form {
            Form::Text { separator, length } => {
                self.each(group, |value| {
                    if values > 0 {
                        list.extend_from_slice(separator);
                    }
                    self.show.text(value.unwrap_or_default(), &mut list);
                    values += 1;
                    list.len() <= *length
                });
                if list.len() > *length {
                    let name = self.name;
                    return Err(RowError::new(
                        "too-long",
                        format!("the {name} has more than {length} bytes; raise max_length or aggregate fewer rows"),
                    ));
                }
            }
            Form::Json { most } => {
                self.each(group, |value| {
                    list.extend_from_slice(if values == 0 { b"[" } else { b", " });
                    match value {
                        Some(value) => self.show.json(value, &mut list),
                        None => list.extend_from_slice(b"null"),
                    }
                    values += 1;
                    values < *most
                });
                list.push(b']');
            }
        }
        if values == 0 {
            out.push_null()
        } else {
            out.push(&list)
        }
        Ok(())
    }

    fn snapshot(&self, group: &Set, out: &mut [Writer]) -> u32 {
        entries::snapshot(group, out)
    }

    fn merge(&self, group: &mut Set, state: &[Reader], row: usize) -> Result<(), String> {
        entries::merge(group, state, row);
        Ok(())
    }
}
