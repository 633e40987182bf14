"""From video files and labels to batches of clips. Knows nothing of models.

Which file does what, in reading order:

- What may be opened: gate, confine.
- A file to frames: reader (the choice), decode (PyAV), untrusted and untrusted_child, pictures_folder,
  torchcodec_reader. Below decode: container, packets, bitstream, seeking, truncation; upright, orientation,
  still and sizes.
- Frames to what the model sees: sampling (which frames), segments, crops, picture (resizing), flips, jitter,
  randaugment, erasing, all in clips; augment holds their settings; mix joins two clips of a batch.
- Labels: annotations. Below it sources (which kind of source), rows, table, fields, splits, kinetics,
  something, locate, label_map, parquet, shard_rows, files, labels, samples, repeats.
- Before training: preflight, digests, fingerprint.
- Batches: dataset, loader, prefetch, ledger (what was bad).
- `videoswin data`: check and survey, prepare, encode, archive and prepared_list, stats and stats_picture,
  view and view_picture, film (frames in a page), inputs, journal, pool; tar and shards.
"""
