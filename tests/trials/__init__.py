"""Trials: what is broken on purpose, by the thousand, and whether graphflow still says what is wrong.

Each module is a program, `python -m tests.trials.NAME --count N --seed S`: documents, pictures, checkpoints, streams,
kills, resumed, crowd. A trial's number and seed make it, so every fault that is printed can be had again by
`--only NUMBER`.
"""
