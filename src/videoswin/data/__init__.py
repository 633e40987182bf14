"""From video files and labels to batches of clips. Knows nothing of models.

Reading order: gate (what may be opened), container and decode (files to frames), sampling and crops (which
frames, which part), clips (a file to what the model sees), annotations (labels), dataset and loader
(batches), ledger and check (what was bad).
"""
