"""CodeGen by CTranslate2, one token at a time; depends on nothing but numpy and ctranslate2."""
