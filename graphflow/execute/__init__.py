"""Run: execute a plan's steps one after the other, reusing what a store already has."""
