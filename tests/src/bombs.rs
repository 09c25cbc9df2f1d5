//! Components that are small, and made so that a compiler would take minutes or all memory for them.

/// The bytes that a core module and a component begin with.
const MODULE: &[u8] = b"\0asm\x01\0\0\0";
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// Sections of a component, and in a module those of types, functions and code.
const CORE_MODULE: u8 = 1;
const CORE_INSTANCE: u8 = 2;
const NESTED_COMPONENT: u8 = 4;
const INSTANCE: u8 = 5;
const ALIAS: u8 = 6;
const TYPE: u8 = 7;
const IMPORT: u8 = 10;

/// A number in LEB128.
fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id], &leb(content.len())[..], content].concat()
}

/// A component of these sections.
pub fn component(sections: &[Vec<u8>]) -> Vec<u8> {
    [COMPONENT, &sections.concat()].concat()
}

/// The same component, of another SHA-256 sum: with a section that says nothing.
pub fn renamed(component: &[u8], name: &str) -> Vec<u8> {
    let content = [&leb(name.len())[..], name.as_bytes()].concat();
    [component, &section(0, &content)].concat()
}

/// A component with one core module of functions with these bodies, each a list of groups of locals and code.
fn functions(bodies: &[Vec<u8>]) -> Vec<u8> {
    let count = leb(bodies.len());
    let code: Vec<u8> = bodies.iter().flat_map(|body| [leb(body.len()), body.clone()].concat()).collect();
    let types = section(1, &[1, 0x60, 0, 0]);
    let declared = section(3, &[&count[..], &vec![0; bodies.len()]].concat());
    let code = section(10, &[&count[..], &code].concat());
    component(&[section(CORE_MODULE, &[MODULE, &types, &declared, &code].concat())])
}

/// A component with so many functions that do nothing.
pub fn many_functions(count: usize) -> Vec<u8> {
    functions(&vec![vec![0, 0x0b]; count])
}

/// A component with one function of so many local variables, used within so many loops in one another: a compiler has
/// each variable anew in each loop.
pub fn loops(depth: usize, locals: usize) -> Vec<u8> {
    let mut body = [&[1][..], &leb(locals), &[0x7f]].concat();
    body.extend([0x03, 0x40].repeat(depth));
    for local in 0..locals {
        // It grows by one.
        body.extend([&[0x20][..], &leb(local), &[0x41, 1, 0x6a, 0x21], &leb(local)].concat());
    }
    // Each loop begins again if the first variable is not zero.
    body.extend([0x20, 0, 0x0d, 0, 0x0b].repeat(depth));
    body.push(0x0b);
    functions(&[body])
}

/// A component with one function of so many bytes.
pub fn long_function(bytes: usize) -> Vec<u8> {
    let mut body = vec![0];
    body.extend(vec![0x01; bytes]);
    body.push(0x0b);
    functions(&[body])
}

/// A component with one function of so many local variables.
pub fn many_locals(count: usize) -> Vec<u8> {
    functions(&[[&[1][..], &leb(count), &[0x7f, 0x0b]].concat()])
}

/// A component with one function of so many blocks in one another.
pub fn deep_blocks(depth: usize) -> Vec<u8> {
    functions(&[[&[0][..], &[0x02, 0x40].repeat(depth), &[0x0b].repeat(depth + 1)].concat()])
}

/// A component with one function of a table of so many branches, from a place with so many local variables.
pub fn many_branches(count: usize, locals: usize) -> Vec<u8> {
    let targets = vec![0; count];
    functions(&[[&[1][..], &leb(locals), &[0x7f, 0x41, 0, 0x0e], &leb(count), &targets, &[0, 0x0b]].concat()])
}

/// A component that makes two instances of one that makes two instances of one, and so on: two to the power of so many.
pub fn doubling(levels: usize) -> Vec<u8> {
    let core = section(CORE_MODULE, MODULE);
    let mut nested = section(NESTED_COMPONENT, &component(&[core, section(CORE_INSTANCE, &[1, 0, 0, 0])]));
    for level in 0..levels {
        // The component before this one, of the component around both.
        let outer = [&[1, 0x04, 0x02, 1][..], &leb(level)].concat();
        let twice = section(INSTANCE, &[2, 0, 0, 0, 0, 0, 0]);
        nested.extend(section(NESTED_COMPONENT, &component(&[section(ALIAS, &outer), twice])));
    }
    let first = section(INSTANCE, &[&[1, 0][..], &leb(levels), &[0]].concat());
    component(&[nested, first])
}

/// A component that makes an instance of one that it imports, so that nobody knows what it holds.
pub fn unknown_instance() -> Vec<u8> {
    let types = section(TYPE, &[1, 0x41, 0]);
    let import = section(IMPORT, &[1, 0, 1, b'c', 0x04, 0]);
    component(&[types, import, section(INSTANCE, &[1, 0, 0, 0])])
}

/// Components in one another, so many deep.
pub fn nested(depth: usize) -> Vec<u8> {
    let mut heads = vec![COMPONENT.to_vec()];
    let mut size = COMPONENT.len();
    for _ in 0..depth {
        let head = [COMPONENT, &[NESTED_COMPONENT], &leb(size)].concat();
        size += head.len();
        heads.push(head);
    }
    heads.into_iter().rev().flatten().collect()
}

/// Types of instances in one another, so many deep.
pub fn nested_types(depth: usize) -> Vec<u8> {
    component(&[section(TYPE, &[&[1][..], &[0x42, 1, 1].repeat(depth), &[0x42, 0]].concat())])
}

/// Types of instances each of which has one of the type before, so many.
pub fn chained_types(length: usize) -> Vec<u8> {
    let mut types = [&leb(length + 1)[..], &[0x42, 0]].concat();
    for before in 0..length {
        // The type before from outside, and an export `a` of it.
        types.extend([&[0x42, 2, 0x02, 0x03, 0x02, 1][..], &leb(before), &[0x04, 0, 1, b'a', 0x05, 0]].concat());
    }
    let import = [&[1, 0, 1, b'i', 0x05][..], &leb(length)].concat();
    component(&[section(TYPE, &types), section(IMPORT, &import)])
}

/// A function whose parameter is a pair of pairs of pairs, and so on: two to the power of so many numbers.
pub fn large_type(levels: usize) -> Vec<u8> {
    let mut types = [&leb(levels + 2)[..], &[0x6f, 2, 0x79, 0x79]].concat();
    for before in 0..levels {
        types.extend([&[0x6f, 2][..], &leb(before), &leb(before)].concat());
    }
    types.extend([&[0x40, 1, 1, b'p'][..], &leb(levels), &[0x01, 0]].concat());
    let import = [&[1, 0, 1, b'f', 0x01][..], &leb(levels + 1)].concat();
    component(&[section(TYPE, &types), section(IMPORT, &import)])
}

/// A component with so many types.
pub fn many_types(count: usize) -> Vec<u8> {
    component(&[section(TYPE, &[&leb(count)[..], &vec![0x79; count]].concat())])
}

/// A component that says that it was made with a program of this name.
pub fn made_with(name: &str) -> Vec<u8> {
    let text = |text: &str| [&leb(text.len())[..], text.as_bytes()].concat();
    let content = [text("producers"), vec![1], text("processed-by"), vec![1], text(name), text("")].concat();
    component(&[section(0, &content)])
}
