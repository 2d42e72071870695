"""What the review screen shows and does, without HTTP.

view.py        a cluster as plain values for the screen
editing.py     a code taken apart into slots, one changed, the code derived anew
typeahead.py   elements and items found by words, pinyin initials or code
evidence.py    candidates with the rows whose sum is their score
agreement.py   Cohen's kappa of blind second looks
controls.py    suggestions known to be wrong, mixed into a queue
pace.py        how fast a reviewer works, and how long the rest will take
assignment.py  which filters of the queue are whose
export.py      decisions as CSV, XLSX and FHIR ConceptMap
"""
