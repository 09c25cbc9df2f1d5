//! The types of a component: how deep their definitions lie in one another, and how large they are written out.

use std::collections::HashMap;

use wasmparser::component_types::{
    ComponentAnyTypeId, ComponentDefinedType, ComponentDefinedTypeId, ComponentEntityType, ComponentFuncTypeId,
    ComponentInstanceTypeId, ComponentTypeId, ComponentValType,
};
use wasmparser::types::TypesRef;
use wasmparser::{
    BinaryReader, ComponentType, ComponentTypeDeclaration, InstanceTypeDeclaration, Result as ParseResult,
};

use super::super::limits::{Limit, LoadLimits};
use super::Refusal;

/// The first bytes of the definitions that hold others, and the one of a type among these.
const COMPONENT_TYPE: u8 = 0x41;
const INSTANCE_TYPE: u8 = 0x42;
const TYPE_DECLARATION: u8 = 0x01;

/// One type that holds declarations.
struct Open {
    is_component: bool,
    left: u32,
}

/// Counts the definitions in a section of types. The parser would read types that lie in one another by recursion, for
/// which no stack is deep enough, so that their depth is checked here before it does.
pub(super) fn count(section: &[u8], outer: u64, limits: &LoadLimits) -> Result<u64, Refusal> {
    let mut reader = BinaryReader::new(section, 0);
    let mut counted = 0_u64;
    let mut open: Vec<Open> = Vec::new();
    for _ in 0..reader.read_var_u32()? {
        counted += 1;
        definition(&mut reader, &mut open)?;
        while let Some(inner) = open.last_mut() {
            if inner.left == 0 {
                open.pop();
                continue;
            }
            inner.left -= 1;
            counted += 1;
            let is_component = inner.is_component;
            if peek(&reader)? == TYPE_DECLARATION {
                reader.read_u8()?;
                definition(&mut reader, &mut open)?;
            } else if is_component {
                reader.read::<ComponentTypeDeclaration<'_>>()?;
            } else {
                reader.read::<InstanceTypeDeclaration<'_>>()?;
            }
            let depth = outer + open.len() as u64;
            if depth > limits.nesting {
                return Err(Limit::Nesting.reached(limits.nesting).into());
            }
        }
    }
    Ok(counted)
}

/// Reads one type, or opens it if it holds others.
fn definition(reader: &mut BinaryReader<'_>, open: &mut Vec<Open>) -> ParseResult<()> {
    match peek(reader)? {
        kind @ (COMPONENT_TYPE | INSTANCE_TYPE) => {
            reader.read_u8()?;
            open.push(Open { is_component: kind == COMPONENT_TYPE, left: reader.read_var_u32()? });
        }
        _ => {
            reader.read::<ComponentType<'_>>()?;
        }
    }
    Ok(())
}

fn peek(reader: &BinaryReader<'_>) -> ParseResult<u8> {
    reader.clone().read_u8()
}

/// The sizes of types written out, each computed once: a type that holds another twice has twice its size.
pub(super) struct Sizes {
    values: HashMap<ComponentDefinedTypeId, u64>,
    instances: HashMap<ComponentInstanceTypeId, u64>,
    depth: u64,
    /// How deep types of instances may refer to one another. Those of values cannot more than a hundred deep: the
    /// validator sees to it.
    max_depth: u64,
}

impl Sizes {
    pub(super) fn new(max_depth: u64) -> Self {
        Self { values: HashMap::new(), instances: HashMap::new(), depth: 0, max_depth }
    }

    /// The sizes of the functions that a component has at its border.
    pub(super) fn of_component(&mut self, types: TypesRef<'_>) -> Result<u64, Refusal> {
        let mut size = 0_u64;
        for index in 0..types.component_function_count() {
            size = size.saturating_add(self.of_function(types, types.component_function_at(index)));
        }
        for index in 0..types.component_instance_count() {
            size = size.saturating_add(self.of_instance(types, types.component_instance_at(index))?);
        }
        Ok(size)
    }

    fn of_entity(&mut self, types: TypesRef<'_>, entity: ComponentEntityType) -> Result<u64, Refusal> {
        match entity {
            ComponentEntityType::Module(_) => Ok(1),
            ComponentEntityType::Func(id) => Ok(self.of_function(types, id)),
            ComponentEntityType::Value(value) => Ok(self.of_value(types, value)),
            ComponentEntityType::Type { referenced, .. } => match referenced {
                ComponentAnyTypeId::Resource(_) => Ok(1),
                ComponentAnyTypeId::Defined(id) => Ok(self.of_defined(types, id)),
                ComponentAnyTypeId::Func(id) => Ok(self.of_function(types, id)),
                ComponentAnyTypeId::Instance(id) => self.of_instance(types, id),
                ComponentAnyTypeId::Component(id) => self.of_component_type(types, id),
            },
            ComponentEntityType::Instance(id) => self.of_instance(types, id),
            ComponentEntityType::Component(id) => self.of_component_type(types, id),
        }
    }

    fn of_instance(&mut self, types: TypesRef<'_>, id: ComponentInstanceTypeId) -> Result<u64, Refusal> {
        if let Some(known) = self.instances.get(&id) {
            return Ok(*known);
        }
        let exports = types[id].exports.values().map(|export| export.ty);
        let size = self.sum(types, exports)?;
        self.instances.insert(id, size);
        Ok(size)
    }

    fn of_component_type(&mut self, types: TypesRef<'_>, id: ComponentTypeId) -> Result<u64, Refusal> {
        let component = &types[id];
        self.sum(types, component.imports.values().chain(component.exports.values()).map(|item| item.ty))
    }

    fn sum(
        &mut self,
        types: TypesRef<'_>,
        entities: impl Iterator<Item = ComponentEntityType>,
    ) -> Result<u64, Refusal> {
        self.depth += 1;
        if self.depth > self.max_depth {
            return Err(Limit::Nesting.reached(self.max_depth).into());
        }
        let mut size = 1_u64;
        for entity in entities {
            size = size.saturating_add(self.of_entity(types, entity)?);
        }
        self.depth -= 1;
        Ok(size)
    }

    fn of_function(&mut self, types: TypesRef<'_>, id: ComponentFuncTypeId) -> u64 {
        let function = &types[id];
        let values = function.params.iter().map(|(_, param)| *param).chain(function.result);
        values.fold(1, |size, value| size.saturating_add(self.of_value(types, value)))
    }

    fn of_value(&mut self, types: TypesRef<'_>, value: ComponentValType) -> u64 {
        match value {
            ComponentValType::Primitive(_) => 1,
            ComponentValType::Type(id) => self.of_defined(types, id),
        }
    }

    fn of_defined(&mut self, types: TypesRef<'_>, id: ComponentDefinedTypeId) -> u64 {
        if let Some(known) = self.values.get(&id) {
            return *known;
        }
        let parts: Vec<ComponentValType> = match &types[id] {
            ComponentDefinedType::Record(record) => record.fields.values().copied().collect(),
            ComponentDefinedType::Variant(variant) => variant.cases.values().filter_map(|case| case.ty).collect(),
            ComponentDefinedType::Tuple(tuple) => tuple.types.to_vec(),
            ComponentDefinedType::List { element, .. } => vec![*element],
            ComponentDefinedType::FixedLengthList { element, .. } => vec![*element],
            ComponentDefinedType::Map { key, value, .. } => vec![*key, *value],
            ComponentDefinedType::Option { ty, .. } => vec![*ty],
            ComponentDefinedType::Result { ok, err, .. } => ok.iter().chain(err).copied().collect(),
            ComponentDefinedType::Future { ty, .. } | ComponentDefinedType::Stream { ty, .. } => {
                ty.iter().copied().collect()
            }
            ComponentDefinedType::Primitive(_) | ComponentDefinedType::Own(_) | ComponentDefinedType::Borrow(_) => {
                Vec::new()
            }
            ComponentDefinedType::Flags(names) | ComponentDefinedType::Enum(names) => return names.len() as u64,
        };
        let repeated = match &types[id] {
            ComponentDefinedType::FixedLengthList { length, .. } => u64::from(*length),
            _ => 1,
        };
        let size = parts
            .into_iter()
            .fold(1, |size: u64, part| size.saturating_add(self.of_value(types, part).saturating_mul(repeated)));
        self.values.insert(id, size);
        size
    }
}
