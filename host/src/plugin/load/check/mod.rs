//! What a component is made of, seen before a compiler sees it: whether it keeps the limits, and its surface.
//!
//! A component can be built so that a few hundred bytes take a compiler minutes and gigabytes. All that makes it so is
//! counted here, in time and memory that grow with its bytes alone.

mod body;
mod surface;
mod types;

use std::panic::catch_unwind;

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind, ComponentTypeRef, Encoding,
    Instance, Parser, Payload, Validator, WasmFeatures,
};

use super::LoadError;
use super::limits::{Limit, LimitExceeded, LoadLimits};
use crate::plugin::engine::Model;
use body::Signatures;
use types::Sizes;

pub(in crate::plugin) use surface::{Item, Producer, Surface};

/// Why a component is refused before it is compiled.
#[derive(Debug, PartialEq)]
pub(in crate::plugin) enum Refusal {
    Limit(LimitExceeded),
    /// It is not a valid component, or one whose size cannot be known.
    Malformed(String),
}

impl From<LimitExceeded> for Refusal {
    fn from(exceeded: LimitExceeded) -> Self {
        Self::Limit(exceeded)
    }
}

impl From<wasmparser::BinaryReaderError> for Refusal {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self::Malformed(error.to_string())
    }
}

impl From<Refusal> for LoadError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Limit(exceeded) => exceeded.into(),
            Refusal::Malformed(why) => Self::Compile(why),
        }
    }
}

/// What wasmtime wants a concurrent engine for, whether or not that supports it.
const CONCURRENT: WasmFeatures = WasmFeatures::CM_ASYNC
    .union(WasmFeatures::CM_MORE_ASYNC_BUILTINS)
    .union(WasmFeatures::CM_ASYNC_STACKFUL)
    .union(WasmFeatures::CM_THREADING)
    .union(WasmFeatures::CM_ERROR_CONTEXT);

/// Refuses a component that goes past a limit, or is none. Tells the model of others.
pub(super) fn check(bytes: &[u8], limits: &LoadLimits) -> Result<Model, LoadError> {
    // The validator asserts that types are not too deep where others are imported, exported and bundled, although they
    // may be.
    let checked = catch_unwind(|| survey(bytes, limits, Depth::Validated).1);
    let too_deep = "its types hold one another deeper than can be checked".to_owned();
    Ok(checked.unwrap_or(Err(Refusal::Malformed(too_deep)))?)
}

/// How much of a component is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plugin) enum Depth {
    /// What stands in its bytes.
    Parsed,
    /// Its types too, for which it has to be valid.
    Validated,
}

/// Looks at a component as far as it keeps the limits, and tells what was seen of its surface, and its model. One that is
/// not validated is taken for concurrent.
pub(in crate::plugin) fn survey(bytes: &[u8], limits: &LoadLimits, depth: Depth) -> (Surface, Result<Model, Refusal>) {
    // What the compiler does not know it refuses itself.
    let validator = |features| (depth == Depth::Validated).then(|| Validator::new_with_features(features));
    let mut checker = Checker {
        bytes,
        limits,
        validator: validator(WasmFeatures::all()),
        synchronous: validator(WasmFeatures::all().difference(CONCURRENT)),
        scopes: Vec::new(),
        sizes: Sizes::new(limits.nesting),
        definitions: 0,
        core_functions: 0,
        surface: Surface::default(),
    };
    let checked = checker.run();
    let model = if checker.synchronous.is_some() { Model::Synchronous } else { Model::Concurrent };
    (checker.surface, checked.map(|()| model))
}

struct Checker<'a> {
    bytes: &'a [u8],
    limits: &'a LoadLimits,
    validator: Option<Validator>,
    /// The same for what is not concurrent, as long as nothing was.
    synchronous: Option<Validator>,
    /// The components and the module that are open, the outermost first.
    scopes: Vec<Scope>,
    sizes: Sizes,
    definitions: u64,
    core_functions: u64,
    surface: Surface,
}

enum Scope {
    Component(ComponentScope),
    Module(ModuleScope),
}

#[derive(Default)]
struct ComponentScope {
    /// What an instance of each component costs that is known here; none of one whose definition is not.
    components: Vec<Option<Cost>>,
    cost: Cost,
}

#[derive(Default)]
struct ModuleScope {
    widths: Vec<u64>,
    params: Vec<u64>,
    /// How many parameters each function of the module has that is defined in it.
    functions: Vec<u64>,
    bodies: usize,
}

/// What an instance of a component comes to, with all that it makes instances of in turn.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    instances: u64,
    functions: u64,
    type_size: u64,
}

impl Cost {
    fn add(&mut self, other: Self) {
        self.instances = self.instances.saturating_add(other.instances);
        self.functions = self.functions.saturating_add(other.functions);
        self.type_size = self.type_size.saturating_add(other.type_size);
    }
}

impl<'a> Checker<'a> {
    fn run(&mut self) -> Result<(), Refusal> {
        let bytes = self.bytes;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            self.measure(&payload)?;
            if let Some(validator) = &mut self.validator {
                validator.payload(&payload)?;
            }
            self.synchronous.take_if(|validator| validator.payload(&payload).is_err());
        }
        Ok(())
    }

    fn measure(&mut self, payload: &Payload<'a>) -> Result<(), Refusal> {
        match payload {
            Payload::Version { encoding, .. } => self.open(*encoding)?,
            Payload::End(_) => self.close()?,
            Payload::CustomSection(custom) => self.surface.custom(custom),
            _ => {
                self.define(definitions(payload))?;
                match self.scopes.last() {
                    Some(Scope::Component(_)) => self.component_section(payload)?,
                    _ => self.module_section(payload)?,
                }
            }
        }
        Ok(())
    }

    fn define(&mut self, count: u64) -> Result<(), LimitExceeded> {
        self.definitions = self.definitions.saturating_add(count);
        Limit::Definitions.check(self.definitions, self.limits.definitions)
    }

    fn open(&mut self, encoding: Encoding) -> Result<(), Refusal> {
        self.scopes.push(match encoding {
            Encoding::Component => Scope::Component(ComponentScope::default()),
            Encoding::Module => Scope::Module(ModuleScope::default()),
        });
        if self.scopes.len() as u64 > self.limits.nesting {
            return Err(Limit::Nesting.reached(self.limits.nesting).into());
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), Refusal> {
        let Some(Scope::Component(mut closed)) = self.scopes.pop() else { return Ok(()) };
        if let Some(types) = self.validator.as_ref().and_then(|validator| validator.types(0)) {
            closed.cost.type_size = closed.cost.type_size.saturating_add(self.sizes.of_component(types)?);
            if self.scopes.is_empty() {
                self.surface.describe(types);
            }
        }
        match self.scopes.last_mut() {
            Some(Scope::Component(outer)) => outer.components.push(Some(closed.cost)),
            _ => self.check_whole(closed.cost)?,
        }
        Ok(())
    }

    fn check_whole(&self, cost: Cost) -> Result<(), LimitExceeded> {
        let functions = cost.functions.saturating_add(self.core_functions);
        Limit::Instances.check(cost.instances, self.limits.instances)?;
        Limit::Functions.check(functions, self.limits.functions)?;
        Limit::TypeSize.check(cost.type_size, self.limits.type_size)
    }

    fn component_section(&mut self, payload: &Payload<'a>) -> Result<(), Refusal> {
        match payload {
            Payload::ComponentTypeSection(section) => {
                let outer = self.scopes.len() as u64;
                let definitions = types::count(&self.bytes[section.range()], outer, self.limits)?;
                self.define(definitions)?;
            }
            Payload::ComponentImportSection(section) => {
                for import in section.clone() {
                    let import = import?;
                    self.surface.import(import.name.name, self.scopes.len());
                    if matches!(import.ty, ComponentTypeRef::Component(_)) {
                        self.component()?.components.push(None);
                    }
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section.clone() {
                    let export = export?;
                    self.surface.export(export.name.name, self.scopes.len());
                    if export.kind == ComponentExternalKind::Component {
                        let known = self.known(0, export.index)?;
                        self.component()?.components.push(known);
                    }
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section.clone() {
                    self.alias(&alias?)?;
                }
            }
            Payload::InstanceSection(section) => {
                for instance in section.clone() {
                    if let Instance::Instantiate { .. } = instance? {
                        self.component()?.cost.add(Cost { instances: 1, ..Cost::default() });
                    }
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section.clone() {
                    self.instantiate(&instance?)?;
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                let functions = section.count().into();
                self.component()?.cost.add(Cost { functions, ..Cost::default() });
            }
            _ => {}
        }
        Ok(())
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) -> Result<(), Refusal> {
        let known = match alias {
            ComponentAlias::InstanceExport { kind: ComponentExternalKind::Component, .. } => None,
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index } => {
                self.known(*count as usize, *index)?
            }
            _ => return Ok(()),
        };
        self.component()?.components.push(known);
        Ok(())
    }

    fn instantiate(&mut self, instance: &ComponentInstance<'_>) -> Result<(), Refusal> {
        let ComponentInstance::Instantiate { component_index, .. } = instance else { return Ok(()) };
        let Some(mut cost) = self.known(0, *component_index)? else {
            let why = "it makes an instance of a component that it imports or takes from an instance, so that its size \
                       cannot be known";
            return Err(Refusal::Malformed(why.to_owned()));
        };
        cost.add(Cost { instances: 1, ..Cost::default() });
        self.component()?.cost.add(cost);
        Ok(())
    }

    /// The component that is open.
    fn component(&mut self) -> Result<&mut ComponentScope, Refusal> {
        match self.scopes.last_mut() {
            Some(Scope::Component(scope)) => Ok(scope),
            _ => Err(Refusal::Malformed("a section of a component stands in a module".to_owned())),
        }
    }

    /// What is known of a component, so many scopes further out.
    fn known(&self, outer: usize, index: u32) -> Result<Option<Cost>, Refusal> {
        let scope = self.scopes.len().checked_sub(outer + 1).and_then(|at| self.scopes.get(at));
        let found = match scope {
            Some(Scope::Component(scope)) => scope.components.get(index as usize).copied(),
            _ => None,
        };
        found.ok_or_else(|| Refusal::Malformed(format!("there is no component {index}")))
    }

    fn module_section(&mut self, payload: &Payload<'a>) -> Result<(), Refusal> {
        let Some(Scope::Module(module)) = self.scopes.last_mut() else { return Ok(()) };
        match payload {
            Payload::TypeSection(section) => {
                for group in section.clone() {
                    for sub_type in group?.into_types() {
                        let (params, results) = match &sub_type.composite_type.inner {
                            wasmparser::CompositeInnerType::Func(f) => (f.params().len(), f.results().len()),
                            _ => (0, 0),
                        };
                        module.widths.push(params.max(results) as u64);
                        module.params.push(params as u64);
                    }
                }
            }
            Payload::FunctionSection(section) => {
                self.core_functions += u64::from(section.count());
                Limit::Functions.check(self.core_functions, self.limits.functions)?;
                for function in section.clone() {
                    let params = module.params.get(function? as usize).copied();
                    module.functions.push(params.unwrap_or_default());
                }
            }
            Payload::CodeSectionEntry(body) => {
                let params = module.functions.get(module.bodies).copied().unwrap_or_default();
                module.bodies += 1;
                body::check(body, &Signatures { widths: &module.widths, params }, self.limits)?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// How many definitions a section has by its own count. Functions have a limit of their own; what types hold is counted
/// where they are read.
fn definitions(payload: &Payload<'_>) -> u64 {
    let count = match payload {
        Payload::TypeSection(section) => section.count(),
        Payload::ImportSection(section) => section.count(),
        Payload::TableSection(section) => section.count(),
        Payload::MemorySection(section) => section.count(),
        Payload::TagSection(section) => section.count(),
        Payload::GlobalSection(section) => section.count(),
        Payload::ExportSection(section) => section.count(),
        Payload::ElementSection(section) => section.count(),
        Payload::DataSection(section) => section.count(),
        Payload::InstanceSection(section) => section.count(),
        Payload::CoreTypeSection(section) => section.count(),
        Payload::ComponentInstanceSection(section) => section.count(),
        Payload::ComponentAliasSection(section) => section.count(),
        Payload::ComponentImportSection(section) => section.count(),
        Payload::ComponentExportSection(section) => section.count(),
        _ => 0,
    };
    count.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asynchronous_is_concurrent_and_nothing_else_is() {
        const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";
        // A section of canonical functions with one: `backpressure.inc`.
        const BUILT_IN: &[u8] = &[8, 2, 1, 0x24];
        let model = |bytes: &[u8]| check(bytes, &LoadLimits::default()).unwrap();
        // Sections of types with one: a function without parameters and result, the same as an asynchronous one, a stream
        // of bytes, and a future of one.
        const FUNCTION: &[u8] = &[7, 5, 1, 0x40, 0, 1, 0];
        const LATER: &[u8] = &[7, 5, 1, 0x43, 0, 1, 0];
        const STREAM: &[u8] = &[7, 4, 1, 0x66, 1, 0x7d];
        const FUTURE: &[u8] = &[7, 4, 1, 0x65, 1, 0x7d];
        for (section, expected) in [
            (&[][..], Model::Synchronous),
            (FUNCTION, Model::Synchronous),
            (LATER, Model::Concurrent),
            (STREAM, Model::Concurrent),
            (FUTURE, Model::Concurrent),
            (BUILT_IN, Model::Concurrent),
        ] {
            assert_eq!(model(&[EMPTY, section].concat()), expected, "{section:?}");
        }
        // A component within it, as long as the section: of its identifier, its size, and what it holds.
        let within = [EMPTY, &[4, 12], EMPTY, BUILT_IN].concat();
        assert_eq!(model(&within), Model::Concurrent);
    }
}
