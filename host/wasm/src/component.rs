//! A loaded component: checked, compiled, linked, ready to be instantiated.

use std::sync::Arc;

use rowmill_foreign::line;
use tokio::sync::OnceCell;
use wasmtime::component::{InstancePre, Linker};

use crate::bindings::{aggregate_function, catalog, row_function};
use crate::catalog::{self as described, Description};
use crate::error::{Error, Site};
use crate::instance::Instance;
use crate::limits::Limits;
use crate::log::Quota;
use crate::pool::Pool;
use crate::world::{self, GRANTED, World};

/// The line of interface versions that this host speaks.
const VERSION_LINE: &str = "0.1.";
const CATALOG: &str = "rowmill:udf/catalog@";
const ROWS: &str = "rowmill:udf/row-function@";
const AGGREGATES: &str = "rowmill:udf/aggregate-function@";

/// Imports that a refusal names; more are counted.
const NAMES_SHOWN: usize = 16;

/// Who runs a component, for messages, logs and metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The pipeline's name.
    pub pipeline: String,
    /// The step's id.
    pub step: String,
}

/// An import of a component.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Import {
    /// Its full name, `namespace:package/interface@version`.
    pub name: String,
    /// Whether components are given it.
    pub granted: bool,
}

/// A component that can be instantiated. Cloning gives another handle.
#[derive(Clone)]
pub struct Component(Arc<Inner>);

pub(crate) struct Inner {
    site: Arc<Site>,
    digest: String,
    size: u64,
    version: String,
    imports: Vec<Import>,
    /// Held for whoever loads the same one.
    _compiled: Arc<wasmtime::component::Component>,
    pre: InstancePre<World>,
    catalog: catalog::GuestIndices,
    rows: Option<row_function::GuestIndices>,
    aggregates: Option<aggregate_function::GuestIndices>,
    pool: Arc<Pool>,
    description: OnceCell<Arc<Description>>,
}

impl std::fmt::Debug for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Component")
            .field("name", &self.0.site.component)
            .field("digest", &self.0.digest)
            .finish_non_exhaustive()
    }
}

impl Component {
    pub(crate) fn new(
        engine: &wasmtime::Engine,
        linker: &Linker<World>,
        pool: &Arc<Pool>,
        site: Arc<Site>,
        digest: String,
        size: u64,
        compiled: Arc<wasmtime::component::Component>,
    ) -> Result<Component, Error> {
        let component_type = compiled.component_type();
        let imports: Vec<Import> = component_type
            .imports(engine)
            .map(|(name, _)| Import { granted: world::granted(name), name: name.to_owned() })
            .collect();
        let exports: Vec<String> = component_type.exports(engine).map(|(name, _)| name.to_owned()).collect();
        let mut refused = imports.iter().filter(|import| !import.granted);
        let shown: Vec<String> =
            refused.by_ref().take(NAMES_SHOWN).map(|import| line(&import.name).into_owned()).collect();
        if !shown.is_empty() {
            let more = refused.count();
            let refused = if more == 0 { shown } else { [shown, vec![format!("and {more} more")]].concat() };
            return Err(Error::Refused { site, imports: refused, granted: GRANTED });
        }
        let version = interface_version(&site, &exports)?;
        let interface = |found: String| Error::Interface { site: site.clone(), found: line(&found).into_owned() };
        let pre =
            linker.instantiate_pre(&compiled).map_err(|e| interface(format!("an import is not as granted: {e:#}")))?;
        let catalog = catalog::GuestIndices::new(&pre)
            .map_err(|e| interface(format!("the export catalog is not as in the contract: {e:#}")))?;
        let exported = |interface: &str| exports.iter().any(|export| export.starts_with(interface));
        let rows = exported(ROWS).then(|| row_function::GuestIndices::new(&pre)).transpose();
        let rows = rows.map_err(|e| interface(format!("the export row-function is not as in the contract: {e:#}")))?;
        let aggregates = exported(AGGREGATES).then(|| aggregate_function::GuestIndices::new(&pre)).transpose();
        let aggregates = aggregates
            .map_err(|e| interface(format!("the export aggregate-function is not as in the contract: {e:#}")))?;
        Ok(Component(Arc::new(Inner {
            site,
            digest,
            size,
            version,
            imports,
            _compiled: compiled,
            pre,
            catalog,
            rows,
            aggregates,
            pool: Arc::clone(pool),
            description: OnceCell::new(),
        })))
    }

    /// The name given to [`Engine::load`](crate::Engine::load).
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.site.component
    }

    /// SHA-256 of the component's bytes, in hexadecimal.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.0.digest
    }

    /// What it imports; all of it is granted, or it would not have been loaded.
    #[must_use]
    pub fn imports(&self) -> &[Import] {
        &self.0.imports
    }

    /// Bytes of the component's file.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.0.size
    }

    /// The version of `rowmill:udf` that it was built against.
    #[must_use]
    pub fn interface_version(&self) -> &str {
        &self.0.version
    }

    /// Its catalog, asked for once, on an instance of its own under default limits.
    pub async fn describe(&self) -> Result<Arc<Description>, Error> {
        self.describe_under(&Limits::default()).await
    }

    /// The same under the limits of a step, which may be wider.
    pub(crate) async fn describe_under(&self, limits: &Limits) -> Result<Arc<Description>, Error> {
        self.0
            .description
            .get_or_try_init(|| async {
                let site = self.0.site.clone();
                let quota = Quota::new(site.clone(), limits.log_lines);
                let mut instance = self.instance(&site, limits, &quota).await?;
                let found = instance.describe().await?;
                let description =
                    described::description(found).map_err(|message| Error::wrong_answer(&self.0.site, &message))?;
                Ok(Arc::new(description))
            })
            .await
            .cloned()
    }

    /// A fresh instance with a memory of its own.
    pub async fn instantiate(&self, identity: &Identity, limits: &Limits) -> Result<Instance, Error> {
        let site = self.site(identity, None);
        let quota = Quota::new(site.clone(), limits.log_lines);
        self.instance(&site, limits, &quota).await
    }

    /// An instance that is soon given back.
    async fn instance(&self, site: &Arc<Site>, limits: &Limits, quota: &Quota) -> Result<Instance, Error> {
        let pool = &self.0.pool;
        loop {
            let made = Instance::new(self, site.clone(), limits, quota.clone(), pool.permit().await).await;
            match made {
                Err(Error::NoRoom { .. }) if pool.make_room().await => {}
                made => return made,
            }
        }
    }

    pub(crate) fn site(&self, identity: &Identity, function: Option<&str>) -> Arc<Site> {
        Arc::new(Site {
            component: self.0.site.component.clone(),
            function: function.map(str::to_owned),
            pipeline: Some(identity.pipeline.clone()),
            step: Some(identity.step.clone()),
        })
    }

    pub(crate) fn pool(&self) -> &Arc<Pool> {
        &self.0.pool
    }

    pub(crate) fn pre(&self) -> &InstancePre<World> {
        &self.0.pre
    }

    pub(crate) fn catalog(&self) -> &catalog::GuestIndices {
        &self.0.catalog
    }

    pub(crate) fn rows(&self) -> Option<&row_function::GuestIndices> {
        self.0.rows.as_ref()
    }

    pub(crate) fn aggregates(&self) -> Option<&aggregate_function::GuestIndices> {
        self.0.aggregates.as_ref()
    }
}

/// The version of the exported catalog, if this host speaks it.
fn interface_version(site: &Arc<Site>, exports: &[String]) -> Result<String, Error> {
    let versions: Vec<&str> = exports.iter().filter_map(|export| export.strip_prefix(CATALOG)).collect();
    if let Some(version) = versions.iter().find(|v| v.starts_with(VERSION_LINE)) {
        return Ok((*version).to_owned());
    }
    let found = match (versions.first(), exports.is_empty()) {
        (Some(version), _) => format!("it speaks rowmill:udf version {version}"),
        (None, true) => "it exports nothing".to_owned(),
        (None, false) => format!("it exports {}", exports.join(", ")),
    };
    Err(Error::Interface { site: site.clone(), found: line(&found).into_owned() })
}
