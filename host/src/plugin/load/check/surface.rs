//! What a component shows of itself: its imports and exports, and who made it.

use wasmparser::component_types::{ComponentEntityType, ComponentItem};
use wasmparser::types::TypesRef;
use wasmparser::{CustomSectionReader, KnownCustom, ProducersSectionReader, Result};

/// The most names of toolchains that are kept; a component may hold any number.
const MAX_PRODUCERS: usize = 64;

/// What a component shows of itself, in its own order.
#[derive(Debug, Default)]
pub(in crate::plugin) struct Surface {
    pub(in crate::plugin) imports: Vec<Item>,
    pub(in crate::plugin) exports: Vec<Item>,
    pub(in crate::plugin) producers: Vec<Producer>,
}

/// One import or export.
#[derive(Debug, Clone)]
pub(in crate::plugin) struct Item {
    pub(in crate::plugin) name: String,
    /// The functions of an interface; none if the component was refused before they were read.
    pub(in crate::plugin) functions: Vec<String>,
}

/// One line of a section of producers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::plugin) struct Producer {
    /// `language`, `sdk` or `processed-by`.
    pub(in crate::plugin) field: String,
    pub(in crate::plugin) name: String,
    pub(in crate::plugin) version: String,
}

impl Surface {
    pub(super) fn import(&mut self, name: &str, depth: usize) {
        push(&mut self.imports, name, depth);
    }

    pub(super) fn export(&mut self, name: &str, depth: usize) {
        push(&mut self.exports, name, depth);
    }

    /// Who made the component, or a module in it. What cannot be read says nothing.
    pub(super) fn custom(&mut self, custom: &CustomSectionReader<'_>) {
        if let KnownCustom::Producers(producers) = custom.as_known() {
            let _ = self.producers(producers);
        }
    }

    fn producers(&mut self, section: ProducersSectionReader<'_>) -> Result<()> {
        for field in section {
            let field = field?;
            for value in field.values {
                let value = value?;
                let producer =
                    Producer { field: field.name.into(), name: value.name.into(), version: value.version.into() };
                if self.producers.len() < MAX_PRODUCERS && !self.producers.contains(&producer) {
                    self.producers.push(producer);
                }
            }
        }
        Ok(())
    }

    /// Adds the functions of interfaces, once the types of the whole component are known.
    pub(super) fn describe(&mut self, types: TypesRef<'_>) {
        for import in &mut self.imports {
            import.functions = functions(types, types.component_item_for_import(&import.name));
        }
        for export in &mut self.exports {
            export.functions = functions(types, types.component_item_for_export(&export.name));
        }
    }
}

/// Only what the component itself imports and exports counts, not what the components in it do.
fn push(items: &mut Vec<Item>, name: &str, depth: usize) {
    if depth == 1 {
        items.push(Item { name: name.to_owned(), functions: Vec::new() });
    }
}

fn functions(types: TypesRef<'_>, item: Option<&ComponentItem>) -> Vec<String> {
    let Some(ComponentEntityType::Instance(id)) = item.map(|item| item.ty) else { return Vec::new() };
    let is_function = |item: &ComponentItem| matches!(item.ty, ComponentEntityType::Func(_));
    types[id].exports.iter().filter(|(_, item)| is_function(item)).map(|(name, _)| name.clone()).collect()
}
