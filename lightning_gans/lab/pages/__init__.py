"""The lab's pages: each module has a ``build(lab)``, which registers its page."""
