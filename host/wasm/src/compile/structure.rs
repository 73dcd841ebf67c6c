//! What a component is made of, counted before anything is compiled.
//!
//! Cranelift's work is not linear in its input: nested blocks, locals and parameters cost by depth and by
//! number at each place where they are live. And a list of a million empty things is short in a file and
//! long in memory. So each is counted in one pass, which is linear and keeps nothing, and what has more of
//! one than four times the largest of all known components is refused. (Where the limit is another, its
//! reason stands beside it.)
//!
//! The pass is no validation: what is malformed beyond what counting meets is the compiler's to say.
//! Counts are those that a section claims. A claim that is a lie is refused like a true one if it is too
//! large, and found out by the compiler otherwise.

use wasmparser::{
    CompositeInnerType, ConstExpr, DataKind, Element, ElementItems, ElementKind, Operator, Parser, Payload, TableInit,
};

/// What is counted, and how much of it is compiled.
macro_rules! parts {
    ($($(#[$doc:meta])* $part:ident: $max:expr, $words:expr;)*) => {
        /// One kind of part.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Part { $($(#[$doc])* $part,)* }

        /// Each kind with its limit and its name in messages.
        const PARTS: &[(Part, u64, &str)] = &[$((Part::$part, $max, $words),)*];
    };
}

// In brackets the largest found: in a component of Python if nothing else is said. Where four times of it
// would be less than 64, it is 64.
parts! {
    /// Core modules (38).
    Modules: 152, "core modules";
    /// Components within it, all levels (26: JavaScript with QuickJS).
    Components: 104, "components within it";
    /// How deep they lie in each other (3: JavaScript with QuickJS).
    ComponentDepth: 12, "levels of components";
    /// Functions with a body, all modules together (13,508).
    Functions: 54_000, "functions";
    /// Bytes of one body (426,843).
    BodyBytes: 1_700_000, "bytes of code in one function";
    /// Blocks, loops and ifs in each other (781).
    Nesting: 3_100, "levels of nested blocks in one function";
    /// Locals of one function, its parameters not among them (271 in code that is optimised). Without
    /// optimisation LLVM makes about one local of each virtual register, thousands in a long function;
    /// they alone cost the compiler little, and the limits of the compile worker hold for the rest.
    Locals: 8_000, "locals of one function";
    /// Parameters and results of a core function type (19).
    Parameters: 76, "parameters and results of one function type";
    /// Core types (1,333).
    CoreTypes: 5_300, "core types";
    /// Types of the component model (462: JavaScript with QuickJS).
    ComponentTypes: 1_850, "component types";
    /// Imports of modules and components (2,490).
    Imports: 10_000, "imports";
    /// Exports of modules and components (4,530).
    Exports: 18_000, "exports";
    /// Globals (871).
    Globals: 3_500, "globals";
    /// Tables (3).
    Tables: 64, "tables";
    /// Memories (3).
    Memories: 64, "memories";
    /// Segments of elements (8).
    Elements: 64, "element segments";
    /// Items of all segments of elements together: one for each function that is called through a table,
    /// often all of them.
    ElementItems: 1_000_000, "items of element segments";
    /// Bytes of one constant expression: the value of a global or a table, the place of a segment, an item
    /// of one. Toolchains write an instruction or three.
    ConstantBytes: 65_536, "bytes of one constant expression";
    /// Segments of data (31,682: Go).
    Data: 127_000, "data segments";
    /// Instances, of modules and of components (114).
    Instances: 456, "instances";
    /// Aliases (1,488).
    Aliases: 6_000, "aliases";
    /// Functions that cross between core code and the component model (108: JavaScript with QuickJS).
    Canonicals: 432, "canonical functions";
}

/// Why a component is not compiled.
#[derive(Clone, Debug)]
pub(crate) enum Refusal {
    /// It has too much of something.
    TooMuch { what: &'static str, found: u64, max: u64 },
    /// It can't be read; in the parser's words.
    Malformed(String),
}

impl From<wasmparser::BinaryReaderError> for Refusal {
    fn from(error: wasmparser::BinaryReaderError) -> Refusal {
        Refusal::Malformed(error.to_string())
    }
}

/// The counts of one component.
#[derive(Clone, Debug)]
struct Shape {
    found: [u64; PARTS.len()],
}

/// Looks over a component.
pub(crate) fn ensure(wasm: &[u8]) -> Result<(), Refusal> {
    Shape { found: [0; PARTS.len()] }.read(wasm)
}

impl Shape {
    fn add(&mut self, part: Part, count: impl Into<u64>) -> Result<(), Refusal> {
        let sum = self.found[part as usize].saturating_add(count.into());
        self.reach(part, sum)
    }

    /// For what is limited each time: the largest stays.
    fn reach(&mut self, part: Part, found: u64) -> Result<(), Refusal> {
        let (_, max, what) = PARTS[part as usize];
        let seen = &mut self.found[part as usize];
        *seen = found.max(*seen);
        if found > max {
            return Err(Refusal::TooMuch { what, found, max });
        }
        Ok(())
    }

    fn read(&mut self, wasm: &[u8]) -> Result<(), Refusal> {
        // The components and modules that are open; its parser never recurses.
        let mut open: u64 = 0;
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::Version { .. } => open += 1,
                Payload::End(_) => open = open.saturating_sub(1),
                Payload::ModuleSection { .. } => self.add(Part::Modules, 1_u64)?,
                Payload::ComponentSection { .. } => {
                    self.add(Part::Components, 1_u64)?;
                    self.reach(Part::ComponentDepth, open)?;
                }
                Payload::TypeSection(types) => {
                    self.add(Part::CoreTypes, types.count())?;
                    for group in types {
                        for sub in group?.types() {
                            if let CompositeInnerType::Func(function) = &sub.composite_type.inner {
                                let count = function.params().len() + function.results().len();
                                self.reach(Part::Parameters, count as u64)?;
                            }
                        }
                    }
                }
                Payload::CodeSectionStart { count, .. } => self.add(Part::Functions, count)?,
                Payload::CodeSectionEntry(body) => self.body(&body)?,
                Payload::ImportSection(section) => self.add(Part::Imports, section.count())?,
                Payload::ComponentImportSection(section) => self.add(Part::Imports, section.count())?,
                Payload::ExportSection(section) => self.add(Part::Exports, section.count())?,
                Payload::ComponentExportSection(section) => self.add(Part::Exports, section.count())?,
                Payload::GlobalSection(section) => {
                    self.add(Part::Globals, section.count())?;
                    for global in section {
                        self.constant(&global?.init_expr)?;
                    }
                }
                Payload::TableSection(section) => {
                    self.add(Part::Tables, section.count())?;
                    for table in section {
                        if let TableInit::Expr(expression) = &table?.init {
                            self.constant(expression)?;
                        }
                    }
                }
                Payload::MemorySection(section) => self.add(Part::Memories, section.count())?,
                Payload::ElementSection(section) => {
                    self.add(Part::Elements, section.count())?;
                    for segment in section {
                        self.elements(segment?)?;
                    }
                }
                Payload::DataSection(section) => {
                    self.add(Part::Data, section.count())?;
                    for segment in section {
                        if let DataKind::Active { offset_expr, .. } = &segment?.kind {
                            self.constant(offset_expr)?;
                        }
                    }
                }
                Payload::InstanceSection(section) => self.add(Part::Instances, section.count())?,
                Payload::ComponentInstanceSection(section) => self.add(Part::Instances, section.count())?,
                Payload::CoreTypeSection(section) => self.add(Part::CoreTypes, section.count())?,
                Payload::ComponentTypeSection(section) => self.add(Part::ComponentTypes, section.count())?,
                Payload::ComponentAliasSection(section) => self.add(Part::Aliases, section.count())?,
                Payload::ComponentCanonicalSection(section) => self.add(Part::Canonicals, section.count())?,
                _ => {}
            }
        }
        Ok(())
    }

    fn elements(&mut self, segment: Element<'_>) -> Result<(), Refusal> {
        if let ElementKind::Active { offset_expr, .. } = &segment.kind {
            self.constant(offset_expr)?;
        }
        match segment.items {
            ElementItems::Functions(items) => self.add(Part::ElementItems, items.count()),
            ElementItems::Expressions(_, items) => {
                self.add(Part::ElementItems, items.count())?;
                for item in items {
                    self.constant(&item?)?;
                }
                Ok(())
            }
        }
    }

    fn constant(&mut self, expression: &ConstExpr<'_>) -> Result<(), Refusal> {
        self.reach(Part::ConstantBytes, expression.get_binary_reader().bytes_remaining() as u64)
    }

    fn body(&mut self, body: &wasmparser::FunctionBody<'_>) -> Result<(), Refusal> {
        let range = body.range();
        self.reach(Part::BodyBytes, (range.end - range.start) as u64)?;
        let mut locals: u64 = 0;
        for local in body.get_locals_reader()? {
            locals += u64::from(local?.0);
            self.reach(Part::Locals, locals)?;
        }
        let mut depth: u64 = 0;
        for operator in body.get_operators_reader()? {
            match operator? {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } | Operator::TryTable { .. } => {
                    depth += 1;
                    self.reach(Part::Nesting, depth)?;
                }
                Operator::End => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        Ok(())
    }
}
