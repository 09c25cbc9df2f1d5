//! The body of one function: what of it makes a compiler take much longer than its bytes would.
//!
//! A compiler has a value for each local variable in each block where control flow meets, so that the two multiply.

use wasmparser::{BlockType, FunctionBody, Operator};

use super::super::limits::{Limit, LoadLimits};
use super::Refusal;

/// What a function's body may refer to.
pub(super) struct Signatures<'a> {
    /// How many values each type of the module takes or gives, the larger of the two.
    pub(super) widths: &'a [u64],
    /// How many parameters the function has.
    pub(super) params: u64,
}

impl Signatures<'_> {
    fn width(&self, block: BlockType) -> u64 {
        match block {
            BlockType::Empty => 0,
            BlockType::Type(_) => 1,
            BlockType::FuncType(index) => self.widths.get(index as usize).copied().unwrap_or_default(),
        }
    }
}

/// Refuses a body that goes past a limit.
pub(super) fn check(body: &FunctionBody<'_>, known: &Signatures<'_>, limits: &LoadLimits) -> Result<(), Refusal> {
    Limit::FunctionBytes.check(body.range().len() as u64, limits.function_bytes)?;
    let mut locals = known.params;
    for group in body.get_locals_reader()? {
        locals = locals.saturating_add(group?.0.into());
    }
    Limit::Locals.check(locals, limits.locals)?;
    let (mut depth, mut meets, mut widest) = (0_u64, 1_u64, 0);
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        match operators.read()? {
            Operator::Block { blockty }
            | Operator::Loop { blockty }
            | Operator::If { blockty }
            | Operator::Try { blockty } => {
                depth += 1;
                meets += 1;
                widest = widest.max(known.width(blockty));
            }
            Operator::TryTable { try_table } => {
                depth += 1;
                meets += 1 + try_table.catches.len() as u64;
                widest = widest.max(known.width(try_table.ty));
            }
            Operator::BrTable { targets } => meets += u64::from(targets.len()),
            Operator::End => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limits.block_nesting {
            return Err(Limit::BlockNesting.reached(limits.block_nesting).into());
        }
    }
    Limit::Flow.check(meets.saturating_mul(locals.saturating_add(widest).max(1)), limits.flow)?;
    Ok(())
}
