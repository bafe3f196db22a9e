//! What `wit-bindgen` makes of the contract in `wit/`. What lives here: generated code only. The types
//! are shown to strategies through the crate's root; the rest is for [`export!`](crate::export).

wit_bindgen::generate!({
    path: "../../wit",
    world: "strategy",
    pub_export_macro: true,
    export_macro_name: "export_handler",
    default_bindings_module: "ringfence_sdk::bindings",
    additional_derives: [PartialEq, Eq],
    // Equal is what has the same value, not the same digits: see `decimal.rs`.
    additional_derives_ignore: ["decimal"],
});
