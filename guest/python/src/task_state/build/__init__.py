"""Makes a component of a Python program: ``python -m task_state.build SCRIPT.py|DIR [-o OUT.wasm]``.

It runs outside a component, on any Python from 3.10 on, installs nothing, and writes nothing but the component and a cache.
"""
