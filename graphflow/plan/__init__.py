"""Plan a run: its steps, their order, the components that they load, and the lifetimes of values and components."""
