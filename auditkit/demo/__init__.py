"""A demonstration that needs no download: a corpus written for this project and two checkpoints.

`corpus` draws customers' messages to a bank from a grammar; `checkpoints` trains a sound and a
deliberately unfair classifier on them. Import what you need from the two modules; importing this
package loads neither.
"""
