{# Rows whose key is null or not unique: one query for both, where unique and not_null would take one each per column. #}
{% test primary_key(model, columns) %}

    select {{ columns | join(', ') }}, count(*) as n_rows
    from {{ model }}
    group by {{ columns | join(', ') }}
    having count(*) > 1 or {{ columns | join(' is null or ') }} is null

{% endtest %}
