"""Export of a list: `resources` names the fields and decides between request and job, `files` writes CSV and XLSX."""
