"""Other backbones behind our interface, so that they can be trained and tested by our protocol.

The networks are those of torchvision and transformers (pip install 'videoswin[peers]').
Nothing is downloaded. `videoswin.peers.config` names them without torch; `videoswin.peers.build` makes them.
"""
