"""The ablations of Sec. 4.3 on any data set: the settings of a table, each trained with several seeds.

A leaf: nothing imports it but the command line.
"""
