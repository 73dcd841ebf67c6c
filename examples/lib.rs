//! The examples as data, so that `rowmill demo` runs them from anywhere.

/// One example: a folder beside this file.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// The folder and the pipeline.
    pub name: &'static str,
    /// One line for people.
    pub title: &'static str,
    /// The pipeline file; reads `SHOP_URL` and `MART_URL` from the environment.
    pub pipeline: &'static str,
    /// Fills the source database.
    pub seed: &'static str,
    /// Changes it a little; can be run again and again.
    pub traffic: &'static str,
    /// The target table.
    pub target: &'static str,
    /// Components that lie beside the pipeline file: name and bytes.
    pub components: &'static [(&'static str, &'static [u8])],
}

macro_rules! example {
    ($name:literal, $target:literal, $title:literal, $components:expr) => {
        Example {
            name: $name,
            title: $title,
            pipeline: include_str!(concat!($name, "/pipeline.yaml")),
            seed: include_str!(concat!($name, "/seed.sql")),
            traffic: include_str!(concat!($name, "/traffic.sql")),
            target: $target,
            components: $components,
        }
    };
}

/// All of them.
pub const EXAMPLES: &[Example] = &[
    example!("customers", "customers_clean", "customer data cleaned by built-in components", &[]),
    example!(
        "orders",
        "orders_feed",
        "an order feed with a Rust function of its own",
        &[("order_price.wasm", include_bytes!(concat!(env!("OUT_DIR"), "/order_price.wasm")))]
    ),
    example!("alerts", "payment_alerts", "an alert table fed by a filter over payments", &[]),
    example!("revenue", "revenue_per_hour", "revenue per hour and status, in windows on the time of purchase", &[]),
    example!("totals", "customer_alerts", "totals per customer, those above a threshold in the mart", &[]),
    example!("top-products", "top_products", "the best products of each day: an aggregate of an aggregate", &[]),
];
