//! Generated from `wit/`: the contract's types and the calls in both directions.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "strategy",
});
