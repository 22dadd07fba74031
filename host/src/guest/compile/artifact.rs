//! What a compilation gives: native code, and what each instance takes of the host's memory for it, in one piece, so that
//! neither a pipe nor a folder can part them.

use wasmtime_environ::{
    HostPtr, ScopeVec, Tunables, VMOffsets,
    component::{ComponentTypesBuilder, GlobalInitializer, InstantiateModule, Translator, VMComponentOffsets},
    wasmparser::{Validator, WasmFeatures},
};

/// What wasmtime keeps for an instance of a component within one, in bytes: its tables of handles, empty.
const COMPONENT_INSTANCE: u64 = 512;
/// What it keeps for an instance of a core module besides its context, in bytes.
const CORE_INSTANCE: u64 = 512;
/// Where the code ends.
const WEIGHT: usize = size_of::<u64>();

/// Compiles a component.
///
/// # Errors
/// It is invalid, or uses what the engine has switched off.
pub(super) fn compile(engine: &wasmtime::Engine, component: &[u8]) -> wasmtime::Result<Vec<u8>> {
    let mut artifact = engine.precompile_component(component)?;
    artifact.extend(weight(component)?.to_le_bytes());
    Ok(artifact)
}

/// The code, and the weight of an instance in bytes. `None`: it is no artifact.
pub(in crate::guest) fn parts(artifact: &[u8]) -> Option<(&[u8], u64)> {
    let (code, weight) = artifact.split_last_chunk::<WEIGHT>()?;
    Some((code, u64::from_le_bytes(*weight)))
}

/// How many bytes wasmtime keeps for one instance of the component, its memories and tables aside: globals, functions and
/// imports of all its core modules, as often as each is instantiated. A few bytes in the file can make a million of them.
fn weight(component: &[u8]) -> wasmtime::Result<u64> {
    // The compiler has validated it by the engine's own settings; nothing here depends on them.
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    let (tunables, scope) = (Tunables::default_host(), ScopeVec::new());
    let mut types = ComponentTypesBuilder::new(&validator);
    let translator = Translator::new(&tunables, &mut validator, &mut types, &scope);
    let (translation, modules) = translator.translate(component)?;
    let component = translation.component;
    // A sink that imports modules does not link.
    let core = component.initializers.iter().filter_map(|step| {
        let GlobalInitializer::InstantiateModule(InstantiateModule::Static(module, _), _) = step else { return None };
        Some(CORE_INSTANCE + u64::from(VMOffsets::new(HostPtr, &modules[*module].module).size_of_vmctx()))
    });
    let own = u64::from(VMComponentOffsets::new(HostPtr, &component).size_of_vmctx());
    let instances = u64::from(component.num_runtime_component_instances) * COMPONENT_INSTANCE;
    Ok(own + instances + core.sum::<u64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight_of(text: &str) -> u64 {
        weight(&wat::parse_str(text).unwrap()).unwrap()
    }

    #[test]
    fn what_is_instantiated_weighs_as_often_as_it_is() {
        let module = |globals: usize| format!("(core module $m {})", "(global i64 (i64.const 1))".repeat(globals));
        let instances = |count: usize| "(core instance (instantiate $m))".repeat(count);
        let nothing = weight_of("(component)");
        assert_eq!(weight_of(&format!("(component {})", module(1000))), nothing);
        let one = weight_of(&format!("(component {} {})", module(1000), instances(1))) - nothing;
        assert!((16_000..20_000).contains(&one), "{one}");
        assert_eq!(weight_of(&format!("(component {} {})", module(1000), instances(50))) - nothing, 50 * one);
        // The same within a component that is instantiated many times.
        let nested = format!("(component $c {} {})", module(1000), instances(2));
        let nested = format!("(component {nested} {})", "(instance (instantiate $c))".repeat(25));
        assert!(weight_of(&nested) >= nothing + 50 * one);
    }

    #[test]
    fn functions_and_imports_weigh_as_well() {
        let exported = |count: usize| (0..count).map(|n| format!(r#"(export "{n}" (func 0))"#)).collect::<String>();
        let imported = |count: usize| (0..count).map(|n| format!(r#"(import "a" "{n}" (func))"#)).collect::<String>();
        let provided = format!("(core module $a (func) {}) (core instance $a (instantiate $a))", exported(1000));
        let consumer =
            format!(r#"(core module $b {}) (core instance (instantiate $b (with "a" (instance $a))))"#, imported(1000));
        let alone = weight_of(&format!("(component {provided})"));
        assert!(weight_of(&format!("(component {provided} {consumer})")) > alone + 16_000);
    }
}
