"""Questions about a spec, whose answers the analyses know: asked, graded, and where wrong derived."""
