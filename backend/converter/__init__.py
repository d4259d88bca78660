"""From a CodeGen or GPT-J checkpoint to a verified model repository for Triton."""
