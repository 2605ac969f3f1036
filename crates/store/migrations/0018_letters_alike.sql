-- What was folded before letters with the same capitals became one (model::persons::folded) is folded once more, so that it is still
-- found: the Greek letter at the end of a word, the German one that is two as a capital, and the Turkish ones, of which İ had become an
-- i with a dot of its own.
UPDATE ticket_text SET text = replace(replace(replace(replace(text, 'ς', 'σ'), 'ß', 'ss'), 'ı', 'i'), 'i̇', 'i')
  WHERE text LIKE '%ς%' OR text LIKE '%ß%' OR text LIKE '%ı%' OR text LIKE '%i̇%';
UPDATE person SET search = replace(replace(replace(replace(search, 'ς', 'σ'), 'ß', 'ss'), 'ı', 'i'), 'i̇', 'i')
  WHERE search LIKE '%ς%' OR search LIKE '%ß%' OR search LIKE '%ı%' OR search LIKE '%i̇%';
UPDATE guidance_rule SET name_search = replace(replace(replace(replace(name_search, 'ς', 'σ'), 'ß', 'ss'), 'ı', 'i'), 'i̇', 'i')
  WHERE name_search LIKE '%ς%' OR name_search LIKE '%ß%' OR name_search LIKE '%ı%' OR name_search LIKE '%i̇%';
UPDATE article SET title_search = replace(replace(replace(replace(title_search, 'ς', 'σ'), 'ß', 'ss'), 'ı', 'i'), 'i̇', 'i')
  WHERE title_search LIKE '%ς%' OR title_search LIKE '%ß%' OR title_search LIKE '%ı%' OR title_search LIKE '%i̇%';
