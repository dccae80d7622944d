-- expect: error no visible label
goto a
do ::a:: end
